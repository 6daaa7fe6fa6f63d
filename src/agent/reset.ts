import { dropAttachment } from './detach.ts';
import type { AgentEffect } from './event.ts';
import type { AgentState } from './state.ts';
import { markDirty } from './turn.ts';

/** Wishes for nothing until nothing of ours is left: every endpoint of this host is detached for good. */
export function beginReset(state: AgentState, request: number): AgentEffect[] {
  state.wishesNothing = true;
  state.resetting.add(request);
  const local = [...state.view.endpoints.values()].filter(({ host }) => host === state.host);
  const ids = new Set([...state.attachments.keys(), ...local.map(({ id }) => id)]);
  return [...[...ids].flatMap((id) => dropAttachment(state, id)), ...markDirty(state)];
}

/** After a turn that left nothing failing: the reset is done. */
export function settleResets(state: AgentState): AgentEffect[] {
  if (state.turn.dirty || state.turn.failing.length > 0) return [];
  const requests = [...state.resetting];
  state.resetting.clear();
  return requests.map((request) => ({ effect: 'answer', request, answer: { answer: 'reset' } }));
}
