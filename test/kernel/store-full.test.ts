import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { put, remove } from '#model/records.ts';
import { openEmbeddedStore } from '#store/embedded-store.ts';
import { openJournal } from '#store/journal.ts';
import type { Store } from '#store/store.ts';
import { StoreError } from '#store/store-error.ts';
import { hostOf } from '#store/testing/host-of.ts';

/** A file system of 1 MiB, of which a file that can be removed takes the larger part. */
let disk: string;
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'weft-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(700_000));
});
afterEach(() => {
  execFileSync('umount', [disk]);
  rmdirSync(disk);
});

const free = (): number => statfsSync(disk).bavail * statfsSync(disk).bsize;
const makeRoom = (): void => rmSync(join(disk, 'ballast'));
const fillUp = (): void => {
  // tmpfs gives out whole pages; with no byte free even the first write of an open fails.
  if (free() > 0) writeFileSync(join(disk, 'rest'), Buffer.alloc(free()));
};

const full = expect.objectContaining({
  name: 'StoreError',
  code: 'full',
  retryable: true,
  next: expect.stringContaining('make room'),
});

/** Does it again and again until the disk is full; gives how often it went well, and the refusal. */
async function untilRefused(act: (n: number) => Promise<unknown>): Promise<{ done: number; error: unknown }> {
  for (let done = 0; done < 10_000; done++) {
    try {
      await act(done + 1);
    } catch (error) {
      return { done, error };
    }
  }
  throw new Error('the disk never filled up');
}

describe('the journal on a full disk', () => {
  test('refuses, keeps what it has, and goes on when there is room', async () => {
    const path = join(disk, 'journal');
    const journal = await openJournal(path, String);
    const long = 'x'.repeat(5000);
    const { done, error } = await untilRefused((n) => journal.put(`k${n}`, `${n}${long}`));
    expect(error).toEqual(full);
    expect(done).toBeGreaterThan(20);
    expect(journal.entries().size).toBe(done);
    await expect(journal.put('again', long.repeat(3))).rejects.toEqual(full);
    const together = await Promise.allSettled([journal.put('x', long.repeat(4)), journal.put('y', 'short')]);
    expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await journal.close();

    // As it is, closed and opened on the full disk.
    const again = await openJournal(path, String);
    expect(again.droppedBytes).toBe(0);
    expect([...again.entries().keys()]).toEqual(Array.from({ length: done }, (_, i) => `k${i + 1}`));
    makeRoom();
    await again.put('later', 'there is room');
    await again.close();
    const last = await openJournal(path, String);
    expect(last.entries().size).toBe(done + 1);
    expect(last.entries().get('k7')).toBe(`7${long}`);
    expect(last.entries().get('later')).toBe('there is room');
    await last.close();
  });

  test('goes on giving back: what is deleted, and what its owner says is like that', async () => {
    const path = join(disk, 'journal');
    const open = () => openJournal(path, String, (value) => value === 'going');
    const journal = await open();
    const { done } = await untilRefused((n) => journal.put(`k${n}`, `${n}`.repeat(2000)));
    await untilRefused(() => journal.put('k1', 'anew'));
    // Together with what is refused, too.
    const outcomes = await Promise.allSettled([
      journal.put('new', 'anew'),
      journal.put('k2', 'going'),
      journal.delete('k3'),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    for (let i = 4; i <= done; i++) await journal.delete(`k${i}`);
    await journal.close();
    const again = await open();
    expect([...again.entries().keys()]).toEqual(['k1', 'k2']);
    expect(again.entries().get('k2')).toBe('going');
    await expect(again.put('k4', 'anew')).rejects.toEqual(full);
    await again.delete('k1');
    await again.close();
  });

  test('keeps the old file when there is no room to write it anew', async () => {
    const journal = await openJournal(join(disk, 'journal'), String);
    await journal.put('large', 'x'.repeat(200_000));
    // 1,100 of the past are due to be forgotten, but beside the old file there is no room for the new one.
    for (let i = 0; i < 11; i++)
      await Promise.all(Array.from({ length: 100 }, (_, j) => journal.put(`k${j % 5}`, `${i}`)));
    await journal.close();
    const again = await openJournal(join(disk, 'journal'), String);
    expect(existsSync(join(disk, 'journal.new'))).toBe(false);
    expect(again.entries().size).toBe(6);
    expect(again.entries().get('k4')).toBe('10');
    await again.close();
  });

  test('cannot be made there', async () => {
    fillUp();
    const outcome = await openJournal(join(disk, 'journal'), String)
      .then(
        (journal) => journal.put('a', 'b').finally(() => journal.close()),
        (error) => Promise.reject(error),
      )
      .catch((error: unknown) => error);
    expect(outcome).toEqual(full);
  });
});

describe('the embedded store on a full disk', () => {
  test('refuses whole commits, still reads, and goes on when there is room', async () => {
    const store = await openEmbeddedStore(join(disk, 'store'));
    const long = 'x'.repeat(3000);
    const hosts = (n: number) => [0, 1, 2].map((i) => hostOf(n * 3 + i, `${n}${long}`));
    const { done, error } = await untilRefused((n) => store.commit(hosts(n).map(put), n - 1));
    expect(error).toEqual(full);
    expect(done).toBeGreaterThan(3);
    const acknowledged = Array.from({ length: done }, (_, i) => hosts(i + 1)).flat();
    const whole = { revision: done, records: acknowledged };
    for (let i = 0; i < 5; i++)
      await expect(store.commit(hosts(done + 1).map(put), done)).rejects.toBeInstanceOf(StoreError);
    expect(await store.read()).toEqual(whole);
    await expect(store.putStatus('a', new Uint8Array(500_000))).rejects.toEqual(full);
    await store.close();

    const again = await openEmbeddedStore(join(disk, 'store'));
    expect(await again.read()).toEqual(whole);
    makeRoom();
    expect(await again.commit(hosts(done + 1).map(put), done)).toEqual({
      outcome: 'committed',
      revision: done + 1,
    });
    await again.putStatus('a', Uint8Array.of(1));
    await again.close();
    const last = await openEmbeddedStore(join(disk, 'store'));
    expect((await last.read()).records).toEqual([...acknowledged, ...hosts(done + 1)]);
    await last.close();
  });

  test('still deletes, and forgets', async () => {
    const store = await openEmbeddedStore(join(disk, 'store'));
    const { done } = await untilRefused((n) => store.commit([put(hostOf(n, 'x'.repeat(100)))], n - 1));
    await expect(store.commit([put(hostOf(0)), remove(hostOf(1))], done)).rejects.toEqual(full);
    expect(await store.commit([remove(hostOf(1))], done)).toMatchObject({ outcome: 'committed' });
    await store.compact(done - 1);
    await store.close();
    const again = await openEmbeddedStore(join(disk, 'store'));
    const { records, revision } = await again.read();
    expect([records.length, revision]).toEqual([done - 1, done + 1]);
    await expect(again.commit([put(hostOf(0))], revision)).rejects.toEqual(full);
    await again.close();
  });

  test('goes on in the same process', async () => {
    const store = await openEmbeddedStore(join(disk, 'store'));
    const large = [put(hostOf(1, 'x'.repeat(600_000)))];
    await expect(store.commit(large, 0)).rejects.toEqual(full);
    makeRoom();
    expect(await store.commit([put(hostOf(2))], 0)).toEqual({ outcome: 'committed', revision: 1 });
    expect(await store.read()).toEqual({ revision: 1, records: [hostOf(2)] });
    await store.close();
  });

  test('cannot be made there, and can once there is room, however little there was', async () => {
    for (let pages = 0; pages < 24; pages++) {
      fillUp();
      rmSync(join(disk, 'store'), { recursive: true, force: true });
      if (pages > 0) truncateSync(join(disk, 'rest'), statSync(join(disk, 'rest')).size - pages * 4096);
      const opened = await openEmbeddedStore(join(disk, 'store')).catch((error: unknown) => error);
      if (opened instanceof Error) expect(opened).toEqual(full);
      else await (opened as Store).close();
      rmSync(join(disk, 'rest'));
      const store = await openEmbeddedStore(join(disk, 'store'));
      expect(await store.read()).toEqual({ revision: 0, records: [] });
      await store.close();
    }
  });
});
