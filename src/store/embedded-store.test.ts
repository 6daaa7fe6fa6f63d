import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { put, RECORD_SCHEMA } from '#model/records.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { seal } from './sealed-value.ts';
import { storeContract } from './store.contract.ts';
import type { Feed } from './store.ts';
import { asNobody } from './testing/as-nobody.ts';
import { hostOf } from './testing/host-of.ts';
import { buildChild, ended, killAfter } from './testing/run-child.ts';

let directory: string;
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

  test('has every acknowledged commit, no half of one, and is not locked', { timeout: 60_000 }, async () => {
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
      await expect.poll(() => feeds.length).toBe(9);
      expect(feeds.map((feed) => feed.feed === 'batch' && feed.batch.revision)).toEqual(
        Array.from({ length: 9 }, (_, i) => revision - 8 + i),
      );
      await store.close();
      before = acknowledged;
    }
  });
});

describe('damaged anywhere', () => {
  test('is refused as corrupt or is whole, and never crashes', { timeout: 60_000 }, async () => {
    const child = await buildChild('scribble');
    try {
      const { stdout, stderr, status, signal } = await ended(child.start(directory, '20260101', '150'));
      const last = stdout.trim().split('\n').at(-1)!;
      expect({ status, signal }, `${last}\n${stderr}`).toEqual({ status: 0, signal: null });
      const counts = JSON.parse(last);
      expect(counts.corrupt + counts.whole).toBe(150);
      expect(counts.corrupt).toBeGreaterThan(50);
      expect(counts.whole).toBeGreaterThan(20);
    } finally {
      child.remove();
    }
  });

  test.each([
    ['empty', Buffer.alloc(0)],
    ['a text', Buffer.from('# /etc/weft/controller.yaml\n'.repeat(1000))],
    ['zeros', Buffer.alloc(1 << 16)],
  ])('is refused as corrupt when it is %s', async (_, bytes) => {
    writeFileSync(join(directory, 'store.mdb'), bytes);
    await expect(openEmbeddedStore(directory)).rejects.toEqual(storeError('corrupt'));
    expect(readFileSync(join(directory, 'store.mdb'))).toEqual(bytes);
  });

  test('does not mind what became of the lock files', async () => {
    await (await openEmbeddedStore(directory)).close();
    for (const name of ['lock', 'store.mdb-lock'])
      writeFileSync(join(directory, name), Buffer.alloc(9000, 0xa5));
    const store = await openEmbeddedStore(directory);
    expect(await store.commit([put(hostOf(1))], 0)).toEqual({ outcome: 'committed', revision: 1 });
    await store.close();
  });

  test('does not mind a creation that was cut short', async () => {
    writeFileSync(join(directory, 'new.mdb'), Buffer.alloc(4096, 1));
    writeFileSync(join(directory, 'new.mdb-lock'), Buffer.alloc(100, 1));
    const store = await openEmbeddedStore(directory);
    await store.close();
    expect(readdirSync(directory).sort()).toEqual(['lock', 'store.mdb', 'store.mdb-lock']);
  });
});

/** Writes into the closed store with the very library, past all checks of ours. */
async function writeRaw(key: string, value: (key: Buffer) => Buffer): Promise<void> {
  const path = join(directory, 'store.mdb');
  const options = {
    noSubdir: true,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  } as const;
  const database = open<Buffer, Buffer>(path, options);
  await database.put(Buffer.from(key), value(Buffer.from(key)));
  await database.close();
}

describe('refuses to open', () => {
  beforeEach(async () => {
    const store = await openEmbeddedStore(directory);
    await store.commit([put(hostOf(1))], 0);
    await store.close();
  });

  test('what a newer Weft has written', async () => {
    const newer = { schema: RECORD_SCHEMA + 1, data: { head: 1, compacted: 0 } };
    await writeRaw('head', (key) => seal(key, Buffer.from(JSON.stringify(newer))));
    await expect(openEmbeddedStore(directory)).rejects.toEqual(storeError('newer-schema'));
  });

  test.each(['head', 'log/0000000000000001', 'record/host/X', 'status/x'])(
    'a value under %s that is not sealed for it',
    async (name) => {
      await writeRaw(name, () => seal(Buffer.from('another'), Buffer.from('{}')));
      const refusal = openEmbeddedStore(directory);
      await expect(refusal).rejects.toEqual(storeError('corrupt'));
      await expect(refusal).rejects.toThrow(`"${name}" fails its checksum`);
    },
  );

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
    const file = join(directory, 'lock');
    await expect(openEmbeddedStore(file)).rejects.toEqual(storeError('unreadable'));
    await expect(openEmbeddedStore(join(file, 'deeper'))).rejects.toEqual(storeError('unreadable'));
  });

  test.each([
    ['a directory', mkdirSync],
    ['a FIFO', (path: string) => void execFileSync('mkfifo', [path])],
  ])('a store.mdb that is %s', async (_, make) => {
    rmSync(join(directory, 'store.mdb'));
    make(join(directory, 'store.mdb'));
    await expect(openEmbeddedStore(directory)).rejects.toEqual(storeError('unreadable'));
  });

  test.each(['.', 'lock', 'store.mdb'])('%s without the permission', async (name) => {
    chmodSync(join(directory, name), 0);
    await asNobody(() => expect(openEmbeddedStore(directory)).rejects.toEqual(storeError('unreadable')));
    chmodSync(join(directory, name), 0o700);
    expect(existsSync(join(directory, 'store.mdb'))).toBe(true);
    await (await openEmbeddedStore(directory)).close();
  });
});
