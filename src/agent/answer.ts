import { isRejection } from '#model/fault.ts';
import type { Endpoint } from '#model/records.ts';
import type { AgentEffect } from './event.ts';
import { noteExposed } from './exposures.ts';
import { letGoFirst, noteAnswered } from './pace.ts';
import { noteBack } from './revoked.ts';
import type { AgentState } from './state.ts';

/** Ends an attach, one way or the other. */
export function answerAttach(
  state: AgentState,
  request: number,
  answer: Extract<AgentEffect, { effect: 'answer' }>['answer'],
): AgentEffect[] {
  const { exposure, door } = state.attaching.get(request)?.ask ?? {};
  state.attaching.delete(request);
  if (!isRejection(answer) && answer.answer === 'attached') noteBack(state, answer.endpoint);
  letGoFirst(state);
  if (exposure) return noteExposed(state, exposure, isRejection(answer) ? answer : undefined);
  return [{ effect: 'answer', request, answer }, ...(door ? [] : noteAnswered(state))];
}

/** Whether nobody has detached it, or made it anew, since. */
export function isPromised({ attachments }: AgentState, { id, generation }: Endpoint): boolean {
  const attachment = attachments.get(id);
  return attachment?.state === 'attached' && attachment.endpoint.generation === generation;
}
