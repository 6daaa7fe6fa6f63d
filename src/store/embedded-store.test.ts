import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { put, RECORD_SCHEMA, remove } from '#model/records.ts';
import { seededDice } from '#model/test-random.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { openJournal } from './journal.ts';
import { lengthOfText } from './journal-file.ts';
import { storeContract } from './store.contract.ts';
import type { Feed, Store } from './store.ts';
import { asNobody } from './testing/as-nobody.ts';
import { hostOf } from './testing/host-of.ts';
import { buildChild, killAfter } from './testing/run-child.ts';

let directory: string;
let path: string;
const makeDirectory = (): string => mkdtempSync(join(tmpdir(), 'weft-store-'));

storeContract('embedded store', () => {
  const parent = makeDirectory();
  return {
    open: () => openEmbeddedStore(join(parent, 'store')),
    durable: true,
    clean: async () => rmSync(parent, { recursive: true }),
  };
});

beforeEach(() => {
  directory = makeDirectory();
  path = join(directory, 'store.journal');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const storeError = (code: string, retryable = false) =>
  expect.objectContaining({ name: 'StoreError', code, retryable, next: expect.stringMatching(/\w/) });

describe('killed with kill -9 while it commits', () => {
  let child: Awaited<ReturnType<typeof buildChild>>;
  beforeAll(async () => {
    child = await buildChild('commit-forever');
  });
  afterAll(() => child.remove());

  test('has every acknowledged commit, no half of one, and is not locked', { timeout: 300_000 }, async () => {
    for (let round = 0, before = 0; round < 10; round++) {
      const acknowledged = await killAfter(child.start(directory), 10, (round * 7) % 20);
      expect(acknowledged).toBeGreaterThan(before);
      const store = await openEmbeddedStore(directory);
      const { revision, records } = await store.read();
      // The last commit may have been made and its number never printed.
      expect([acknowledged, acknowledged + 1]).toContain(revision);
      expect(records).toEqual([1, 2, 3].map((n) => hostOf(n, `r${revision}`)));
      const feeds: Feed[] = [];
      store.watch(revision - 9, (feed) => feeds.push(feed));
      await expect.poll(() => feeds.length, { timeout: 10_000 }).toBe(9);
      expect(feeds.map((feed) => feed.feed === 'batch' && feed.batch.revision)).toEqual(
        Array.from({ length: 9 }, (_, i) => revision - 8 + i),
      );
      await store.close();
      before = acknowledged;
    }
  });
});

describe('damaged', () => {
  test('anywhere, in any way, is refused as corrupt or is whole', async () => {
    const store = await openEmbeddedStore(directory);
    for (let i = 0; i < 30; i++) {
      await store.commit([put(hostOf(i % 7, `${i}`)), remove(hostOf((i * 3) % 7))], i);
      if (i % 10 === 9) await store.compact(i - 4);
    }
    const whole = await store.read();
    await store.close();
    const file = readFileSync(path);
    const bytes = file.subarray(0, lengthOfText(file));
    const { below, pick } = seededDice(20260101);
    let refused = 0;
    for (let round = 0; round < 100; round++) {
      let damaged = Buffer.from(bytes);
      const [at, length] = [below(bytes.length), 1 + below(pick([1, 8, 64, 512]))];
      const fill = pick([() => 0, () => 255, () => 0x0a, () => below(256)]);
      if (below(4) === 0) damaged = damaged.subarray(0, at);
      else for (let i = at; i < Math.min(at + length, bytes.length); i++) damaged.writeUInt8(fill(), i);
      writeFileSync(path, damaged);
      const opened = await openEmbeddedStore(directory).catch((error: unknown) => error);
      if (opened instanceof Error) {
        expect(opened).toEqual(storeError('corrupt'));
        expect(opened.message).toContain(path);
        expect(readFileSync(path).equals(damaged)).toBe(true);
        refused++;
      } else {
        expect(await (opened as Store).read()).toEqual(whole);
        await (opened as Store).close();
      }
    }
    expect(refused).toBeGreaterThan(80);
  });

  test.each([
    ['empty', Buffer.alloc(0)],
    ['a text', Buffer.from('# /etc/weft/controller.yaml\n'.repeat(1000))],
    ['zeros', Buffer.alloc(1 << 16)],
  ])('is refused as corrupt when it is %s', async (_, bytes) => {
    writeFileSync(path, bytes);
    await expect(openEmbeddedStore(directory)).rejects.toEqual(storeError('corrupt'));
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

describe('refuses to open', () => {
  beforeEach(async () => {
    const store = await openEmbeddedStore(directory);
    await store.commit([put(hostOf(1))], 0);
    await store.close();
  });

  test.each(['head', 'log/1', 'record/host/X', 'status/x'])(
    'what a newer Weft has written, under %s',
    async (key) => {
      const journal = await openJournal(path, (value) => value);
      await journal.put(key, { schema: RECORD_SCHEMA + 1, data: { colour: 'blue' } });
      await journal.close();
      await expect(openEmbeddedStore(directory)).rejects.toEqual(storeError('newer-schema'));
    },
  );

  test('the journal of somebody else', async () => {
    rmSync(path);
    const journal = await openJournal(path, (value) => value);
    await journal.put('endpoint/1', {});
    await journal.close();
    await expect(openEmbeddedStore(directory)).rejects.toEqual(storeError('corrupt'));
    // And lets go of it.
    await (await openJournal(path, (value) => value)).close();
  });

  test('what somebody else has open, until that one lets go', async () => {
    const store = await openEmbeddedStore(directory);
    const refusal = openEmbeddedStore(directory);
    await expect(refusal).rejects.toEqual(storeError('locked', true));
    await expect(refusal).rejects.toThrow(`process ${process.pid}`);
    expect(await store.commit([], 1)).toEqual({ outcome: 'committed', revision: 2 });
    await store.close();
    await (await openEmbeddedStore(directory)).close();
  });

  test('a path that is a file, or leads through one', async () => {
    await expect(openEmbeddedStore(path)).rejects.toEqual(storeError('unreadable'));
    await expect(openEmbeddedStore(join(path, 'deeper'))).rejects.toEqual(storeError('unreadable'));
  });

  test.each([
    ['.', 0],
    ['store.journal.lock', 0],
    ['store.journal', 0],
    ['store.journal', 0o444],
  ])('%s without the permission (%o)', async (name, mode) => {
    chmodSync(directory, 0o755);
    for (const file of [path, `${path}.lock`]) chmodSync(file, 0o666);
    chmodSync(join(directory, name), mode);
    await asNobody(async () => {
      const refusal = openEmbeddedStore(directory);
      await expect(refusal).rejects.toEqual(storeError('unreadable'));
      await expect(refusal).rejects.toThrow('EACCES');
    });
    chmodSync(join(directory, name), 0o777);
    const store = await openEmbeddedStore(directory);
    expect((await store.read()).records).toEqual([hostOf(1)]);
    await store.close();
  });
});
