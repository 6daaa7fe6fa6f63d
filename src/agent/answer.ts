import type { AgentEffect } from './event.ts';
import type { AgentState } from './state.ts';

/** Ends an attach, one way or the other. */
export function answerAttach(
  state: AgentState,
  request: number,
  answer: Extract<AgentEffect, { effect: 'answer' }>['answer'],
): AgentEffect[] {
  state.attaching.delete(request);
  return [{ effect: 'answer', request, answer }];
}
