import { isRejection, type Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Manner } from '#store/journal.ts';
import { isUntold, type JournalEntry } from './attachment.ts';
import type { AgentEffect } from './event.ts';
import type { AgentState } from './state.ts';

/** Writes down what is promised of an endpoint by now, be it nothing. A full disk is tried again until it has room. */
export function keepJournal({ attachments, unwritten }: AgentState, id: Id, wished?: Manner): AgentEffect[] {
  // Whoever waits for what is being written waits for this, which is newer.
  const manner = unwritten.has(id) ? undefined : wished;
  unwritten.set(id, 'writing');
  const entry = attachments.get(id);
  return [
    entry ? { effect: 'journal-put', key: id, entry, manner } : { effect: 'journal-delete', key: id, manner },
  ];
}

export function noteWritten(state: AgentState, key: string, entry?: JournalEntry): void {
  const { attachments, unwritten, untoldOnDisk } = state;
  const id = key as Id;
  // Something newer may be on its way.
  if (attachments.get(id) === entry) unwritten.delete(id);
  if (entry?.entry === 'attachment' && isUntold(entry)) untoldOnDisk.add(id);
  else untoldOnDisk.delete(id);
}

export function noteUnwritten({ unwritten }: AgentState, key: string, rejection: Rejection): void {
  if (unwritten.has(key as Id)) unwritten.set(key as Id, rejection);
}

/** Time has passed: there may be room again. */
export const keepJournalAgain = (state: AgentState): AgentEffect[] =>
  [...state.unwritten].flatMap(([id, how]) => (isRejection(how) ? keepJournal(state, id) : []));
