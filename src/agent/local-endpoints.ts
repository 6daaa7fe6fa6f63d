import type { Id } from '#model/id.ts';
import type { Endpoint } from '#model/records.ts';
import type { Attachment } from './attachment.ts';
import { heldEndpoint } from './held.ts';
import { namespaceKey } from './scope.ts';
import type { AgentState } from './state.ts';

/** An endpoint of this host and how it stands. */
export interface LocalEndpoint {
  readonly endpoint: Endpoint;
  /** Path of the container's namespace; empty when this host never heard of it. */
  readonly namespace: string;
  /** `gone`: its namespace is no longer there, or was of an earlier boot. */
  readonly state: 'attached' | 'detaching' | 'gone';
}

/** What the controller gave this host, and what the journal promised. */
export function localEndpoints(state: AgentState): LocalEndpoint[] {
  const byId = new Map<Id, LocalEndpoint>();
  // While one is being granted, it may be in the view before it is in the journal.
  if (![...state.attaching.values()].some(({ phase }) => phase === 'granting' || phase === 'journaling'))
    for (const endpoint of state.view.endpoints.on(state.host))
      if (!heldEndpoint(state, endpoint.id))
        byId.set(endpoint.id, { endpoint, namespace: '', state: 'gone' });
  for (const attachment of state.attachments.values()) {
    const { endpoint, namespace, sandboxPath, state: is } = attachment;
    const gone = is === 'attached' && isGone(state, attachment);
    const path = namespace?.path ?? sandboxPath ?? '';
    byId.set(endpoint.id, { endpoint, namespace: path, state: gone ? 'gone' : is });
  }
  return [...byId.values()];
}

/** Of an earlier boot, or looked for and not found. */
export const isGone = ({ bootId, turn }: AgentState, { bootId: born, namespace }: Attachment): boolean =>
  born !== bootId || (namespace !== undefined && turn.dead.has(namespaceKey(namespace)));
