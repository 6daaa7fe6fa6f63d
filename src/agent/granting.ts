import { fault, type Rejection, reject, sayFault } from '#model/fault.ts';
import { ownWords } from './own-word.ts';
import type { AgentState } from './state.ts';

/* When this host may give, and when the controller is asked. */

/** Of a network that it has not heard of yet, a host cannot see what its own endpoints there have. */
export const isViewWhole = (state: AgentState): boolean =>
  ownWords(state).every(
    ({ endpoint, state: is }) => is === 'detaching' || state.view.endpoints.has(endpoint.id),
  );

/** Before the first try to connect has ended, nobody can say whether the controller is there. */
export const hasTried = ({ session }: AgentState): boolean => session.connected || session.failures > 0;

/** The controller is giving, which may be from this host's blocks: the host itself does not meanwhile. */
export const isGranting = ({ attaching, holding }: AgentState): boolean =>
  [...attaching.values(), ...holding.values()].some(({ phase }) => phase === 'granting');

/** Whether the controller knows all that this host gave and took: what it grants then cannot collide. */
export const isSettled = (state: AgentState): boolean =>
  state.releasing.size === 0 &&
  ownWords(state).every(({ published, state: is, endpoint }) =>
    is === 'attached' ? published : state.told.has(endpoint.id),
  );

export function untold({ session }: AgentState, network: string): Rejection {
  const [first] = session.refusal?.faults ?? [];
  const problem = first
    ? `needs the controller, which does not take this host (${sayFault(first)})`
    : 'needs the controller, which is away';
  const fix = first?.fix ?? 'start the controller, or see `weft status`';
  return reject('unavailable', fault('network', network, problem, fix));
}
