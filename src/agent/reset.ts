import { fault, reject } from '#model/fault.ts';
import { answerAttach } from './answer.ts';
import { ungranted } from './attaching.ts';
import { dropAttachment } from './detach.ts';
import type { AgentEffect } from './event.ts';
import { handBack, hasToHandBack } from './hand-back.ts';
import type { AgentState } from './state.ts';
import { markUrgent } from './turn.ts';

/** Longer than this nobody waits for a controller that does not take the blocks back. */
const HAND_BACK_LIMIT_MS = 5_000;

/** Wishes for nothing until nothing of ours is left: every endpoint of this host is detached for good. */
export function beginReset(state: AgentState, request: number): AgentEffect[] {
  state.wishesNothing = true;
  state.turn.complete = new Set();
  const refused = refuseBegun(state);
  state.holds.clear();
  state.resetting.set(request, state.nowMs);
  const local = [...state.view.endpoints.on(state.host)];
  const ids = new Set([...state.attachments.keys(), ...local.map(({ id }) => id)]);
  return [...refused, ...[...ids].flatMap((id) => dropAttachment(state, id)), ...markUrgent(state)];
}

/** Who is still to be granted something gets nothing. What the controller grants all the same is nobody's. */
function refuseBegun(state: AgentState): AgentEffect[] {
  const begun = ungranted(state);
  if (begun.length > 0) state.orphansPossible = true;
  return begun.flatMap(([request, { ask }]) => answerAttach(state, request, wasReset(ask.words.network)));
}

const wasReset = (network: string) =>
  reject(
    'unavailable',
    fault('network', network, 'is of no use on a host that is being reset', 'attach it again'),
  );

/** After a turn that left nothing failing, and with the blocks given back if there is a session: the reset is done. */
export function settleResets(state: AgentState): AgentEffect[] {
  if (state.resetting.size === 0 || state.turn.urgent || state.turn.owesLook || state.turn.failing.length > 0)
    return [];
  const effects = handBack(state);
  for (const [request, sinceMs] of state.resetting) {
    if (hasToHandBack(state) && state.nowMs - sinceMs < HAND_BACK_LIMIT_MS) continue;
    state.resetting.delete(request);
    effects.push({ effect: 'answer', request, answer: { answer: 'reset' } });
  }
  return effects;
}
