import { release } from './detach.ts';
import type { AgentEffect } from './event.ts';
import { isGranting } from './granting.ts';
import { heldEndpoint } from './held.ts';
import { ownWords } from './own-word.ts';
import type { AgentState } from './state.ts';

/**
 * Endpoints that the controller has for this host and the journal knows nothing of: granted to a process that died,
 * or to a request that was given up. Nobody was promised them, so they go back.
 */
export function releaseOrphans(state: AgentState): AgentEffect[] {
  const { orphansPossible, session, confirmed, releasing } = state;
  if (!orphansPossible || !confirmed || !session.connected) return [];
  // What is being granted now is no orphan, and not to be told from one.
  if (isGranting(state)) return [];
  state.orphansPossible = false;
  const known = new Set(ownWords(state).map(({ endpoint }) => endpoint.id));
  const orphans = [...state.view.endpoints.on(state.host)].filter(
    ({ id }) => !known.has(id) && !releasing.has(id) && !heldEndpoint(state, id),
  );
  return orphans.flatMap((endpoint) => release(state, endpoint));
}
