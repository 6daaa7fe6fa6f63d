import fs from 'node:fs';
import path from 'node:path';
import type { Kernel } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import { readDamagedJournal } from '#store/journal.ts';
import { IDENTITY_KEY, parseJournalEntry } from './attachment.ts';
import { planRemoval } from './offline-reset.ts';
import { parseView } from './view-format.ts';

/**
 * Whose kernel objects are here, though the journal in that directory is damaged: as far as it can be read it says so,
 * or else of the hosts that the view knows it is the only one that has a namespace here. Undefined when nobody knows.
 */
export async function identityLeft(state: string, kernel: Kernel): Promise<Id | undefined> {
  const written = orUndefined(() =>
    parseJournalEntry(readDamagedJournal(path.join(state, 'journal'), IDENTITY_KEY)),
  );
  if (written?.entry === 'identity') return written.host;
  const view = orUndefined(() => parseView(fs.readFileSync(path.join(state, 'view'))));
  const here: Id[] = [];
  // Of what is in the host's own namespace nothing says whose it is.
  for (const host of view?.hosts.keys() ?? [])
    if ((await planRemoval(kernel, host)).some(({ op }) => op.object.kind === 'namespace')) here.push(host);
  return here.length === 1 ? here[0] : undefined;
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
