import { writeSync } from 'node:fs';
import { openJournal } from '../journal.ts';

/** Writes rising numbers under two keys without end, and says each once acknowledged. */
const journal = await openJournal(process.argv[2]!, Number);
for (let n = (journal.entries().get('a') ?? 0) + 1; ; n++) {
  await Promise.all([journal.put('a', n), journal.put('b', n), journal.put(`past${n % 3}`, n)]);
  writeSync(1, `${n}\n`);
}
