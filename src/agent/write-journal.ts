import type { Logger } from 'pino';
import { fault, reject } from '#model/fault.ts';
import type { Journal } from '#store/journal.ts';
import { StoreError } from '#store/store-error.ts';
import type { JournalEntry } from './attachment.ts';
import type { AgentEffect, AgentEvent } from './event.ts';

interface Parts {
  readonly journal: Journal<JournalEntry>;
  readonly log: Logger;
}

/** Tells by events what came of it. */
export async function writeJournal(
  { journal, log }: Parts,
  effect: Extract<AgentEffect, { effect: 'journal-put' | 'journal-delete' }>,
  tell: (event: AgentEvent) => void,
): Promise<void> {
  const { key, manner } = effect;
  const { entry, tellWritten } = effect.effect === 'journal-put' ? effect : {};
  const onWritten = tellWritten && (() => tell({ event: 'journal-written', key }));
  try {
    await (entry ? journal.put(key, entry, manner, onWritten) : journal.delete(key, manner));
    tell({ event: 'journaled', key, entry });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.error({ code: error.code, next: error.next }, error.message);
    const rejection = reject('unavailable', fault('journal', error.code, error.message, error.next));
    tell({ event: 'journal-failed', key, rejection });
  }
}
