import type { Endpoint } from '#model/records.ts';
import type { Machine } from './machine.ts';
import { Violation } from './violation.ts';

/** What was answered is in the journal. */
export function checkDurable({ disk, name }: Machine, { id, generation }: Endpoint): void {
  const entry = disk.readJournal().get(id);
  if (entry?.entry !== 'attachment' || entry.endpoint.generation < generation)
    throw new Violation('an answer is durable', `${name}: ${id} is not in the journal`);
}
