import { isRejection, type Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Revision } from '#model/records.ts';
import { askAgainToDetach, askToDetach, dropAttachment } from './detach.ts';
import type { AgentEffect } from './event.ts';
import { keepJournal } from './keep-journal.ts';
import { keepOwnWord } from './own-word.ts';
import { endWork, isRuntimeAtWork, isRuntimeQuiet } from './pace.ts';
import type { AgentState } from './state.ts';

/** Tells the controller of an endpoint that this host admitted itself; nothing if it knows, or is being told. */
export function publish(state: AgentState, id: Id): AgentEffect[] {
  const attachment = state.attachments.get(id);
  if (!attachment || attachment.published || attachment.state === 'detaching' || state.publishing.has(id))
    return [];
  // On disk before anybody hears of it.
  if (!state.session.connected || state.unwritten.has(id)) return [];
  if (state.retold.has(id) ? !isRuntimeQuiet(state) : isRuntimeAtWork(state)) return [];
  state.publishing.add(id);
  return [{ effect: 'publish', endpoint: attachment.endpoint }];
}

/** A session began, or time has passed: tells all that is untold. */
export const publishAll = (state: AgentState): AgentEffect[] =>
  [...state.attachments.keys()].flatMap((id) => publish(state, id));

/** Somebody waits for the controller to know what was held back. */
export function tellAtOnce(state: AgentState): AgentEffect[] {
  endWork(state);
  return [...publishAll(state), ...askAgainToDetach(state)];
}

export function endPublish(
  state: AgentState,
  id: Id,
  generation: number,
  outcome: Revision | Rejection,
): AgentEffect[] {
  state.publishing.delete(id);
  state.retold.delete(id);
  const attachment = state.attachments.get(id);
  // Detached meanwhile: now that the controller knows it, it can be told so.
  if (!attachment || attachment.state === 'detaching')
    return attachment ? askToDetach(state, attachment.endpoint) : [];
  if (attachment.endpoint.generation !== generation) {
    if (!isRejection(outcome)) state.retold.add(id);
    return publish(state, id);
  }
  // Out of reach: told again later. Otherwise the network is gone, or the address another's: it cannot stand.
  if (isRejection(outcome)) return outcome.reason === 'unavailable' ? [] : dropAttachment(state, id);
  const entry = { ...attachment, published: true, since: outcome };
  state.attachments.set(id, entry);
  keepOwnWord(state, entry);
  return keepJournal(state, id, 'patient');
}
