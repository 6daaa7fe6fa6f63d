import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { put, remove } from '#model/records.ts';
import { openEmbeddedStore } from '../embedded-store.ts';
import type { Feed, Store } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { hostOf } from './host-of.ts';
import { seededRandom } from './seeded-random.ts';

/**
 * Fills a store, then damages copies of its file, each in another place, and opens them. Each must be refused as
 * corrupt or be whole, and a whole one must go on working; a crash ends this process, which the one that started it
 * sees. Prints what it is about to do, so that the last line names what killed it, and at the end the counts.
 */
const [directory, seed, rounds] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const PAGE = 4096;
const good = join(directory, 'good');
const bad = join(directory, 'bad');

async function fill(): Promise<void> {
  const store = await openEmbeddedStore(good);
  const long = 'x'.repeat(9000);
  for (let i = 0; i < 60; i++) {
    const changes = [0, 1, 2, 3, 4, 5].map((n) => put(hostOf(i * 4 + n, n === 0 ? `${long}${i}` : `h${i}`)));
    await store.commit([...changes, remove(hostOf(i * 2))], i);
    await store.putStatus(`host/${i % 9}`, new Uint8Array(i * 100));
    if (i % 20 === 19) await store.compact(i - 9);
  }
  await store.close();
}

/** Everything that can be read from it. */
async function everything(store: Store) {
  const feeds: Feed[] = [];
  const { revision, records } = await store.read();
  const stop = store.watch(50, (feed) => feeds.push(feed));
  while (feeds.length < revision - 50) await new Promise(setImmediate);
  stop();
  return { revision, records, feeds, status: await store.readStatus() };
}

/** Writes on, through pages old and new, and sees that it holds. */
async function writeOn(store: Store, revision: number): Promise<void> {
  for (let i = 0; i < 4; i++) {
    const changes = [
      put(hostOf(500 + i, 'y'.repeat(i * 5000))),
      remove(hostOf(i)),
      put(hostOf(i * 3, 'again')),
    ];
    assert.deepEqual(await store.commit(changes, revision + i), {
      outcome: 'committed',
      revision: revision + i + 1,
    });
    await store.compact(revision + i);
  }
}

type Damage = (bytes: Buffer) => void;
const { below, pick } = seededRandom(seed);
const pageCount = () => readFileSync(join(good, 'store.mdb')).length / PAGE;

/** Where LMDB looks: its meta pages, the beginnings of pages, the end of pages (keys), and anywhere. */
function place(pages: number): number {
  const page = below(pages);
  return pick([
    () => below(2) * PAGE + below(176),
    () => page * PAGE + below(64),
    () => page * PAGE + below(PAGE),
  ])();
}

function chooseDamage(pages: number): { name: string; damage: Damage } {
  const at = place(pages);
  const length = 1 + below(pick([1, 4, 8, 64, PAGE]));
  const [from, to] = [below(pages) * PAGE, below(pages) * PAGE];
  const bit = 1 << below(8);
  const noise = Buffer.from(Array.from({ length }, () => below(256)));
  return pick<{ name: string; damage: Damage }>([
    { name: `flip ${bit} at ${at}`, damage: (bytes) => void bytes.writeUInt8(bytes.readUInt8(at) ^ bit, at) },
    { name: `noise of ${length} at ${at}`, damage: (bytes) => void noise.copy(bytes, at) },
    { name: `zero ${length} at ${at}`, damage: (bytes) => void bytes.fill(0, at, at + length) },
    { name: `ones ${length} at ${at}`, damage: (bytes) => void bytes.fill(255, at, at + length) },
    { name: `page ${from} over ${to}`, damage: (bytes) => void bytes.copy(bytes, to, from, from + PAGE) },
  ]);
}

async function judge(expected: Awaited<ReturnType<typeof everything>>): Promise<'corrupt' | 'whole'> {
  let store: Store;
  try {
    store = await openEmbeddedStore(bad);
  } catch (error) {
    assert(error instanceof StoreError && error.code === 'corrupt', `${error}`);
    assert(error.message.includes(join(bad, 'store.mdb')) && error.next.includes('backup'));
    return 'corrupt';
  }
  assert.deepEqual(await everything(store), expected);
  await writeOn(store, expected.revision);
  await store.close();
  const again = await openEmbeddedStore(bad);
  assert.equal((await again.read()).revision, expected.revision + 4);
  await again.close();
  return 'whole';
}

await fill();
const store = await openEmbeddedStore(good);
const expected = await everything(store);
await store.close();
const pages = pageCount();
const counts = { corrupt: 0, whole: 0 };
for (let round = 0; round < rounds; round++) {
  const target = join(bad, 'store.mdb');
  rmSync(bad, { recursive: true, force: true });
  mkdirSync(bad);
  if (below(8) === 0) {
    const length = below(pages * PAGE);
    writeSync(1, `${round}: cut to ${length}\n`);
    copyFileSync(join(good, 'store.mdb'), target);
    truncateSync(target, length);
  } else {
    const { name, damage } = chooseDamage(pages);
    writeSync(1, `${round}: ${name}\n`);
    const bytes = readFileSync(join(good, 'store.mdb'));
    damage(bytes);
    writeFileSync(target, bytes);
  }
  counts[await judge(expected)]++;
}
writeSync(1, `${JSON.stringify(counts)}\n`);
