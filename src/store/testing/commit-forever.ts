import { writeSync } from 'node:fs';
import { put } from '#model/records.ts';
import { openEmbeddedStore } from '../embedded-store.ts';
import { hostOf } from './host-of.ts';

/** Commits without end, three records a commit that name its revision, and says each revision once acknowledged. */
const store = await openEmbeddedStore(process.argv[2]!);
for (let { revision } = await store.read(); ; revision++) {
  const records = [1, 2, 3].map((n) => hostOf(n, `r${revision + 1}`));
  await store.commit(records.map(put), revision);
  if (revision % 50 === 49) await store.compact(revision - 20);
  writeSync(1, `${revision + 1}\n`);
}
