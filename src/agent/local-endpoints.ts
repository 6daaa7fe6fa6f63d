import type { Id } from '#model/id.ts';
import type { Endpoint } from '#model/records.ts';
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
  for (const endpoint of state.view.endpoints.values())
    if (endpoint.host === state.host) byId.set(endpoint.id, { endpoint, namespace: '', state: 'gone' });
  for (const { endpoint, namespace, bootId, state: is } of state.attachments.values()) {
    const live = bootId === state.bootId && state.turn.live.has(namespace.path);
    byId.set(endpoint.id, {
      endpoint,
      namespace: namespace.path,
      state: is === 'detaching' ? is : live ? 'attached' : 'gone',
    });
  }
  return [...byId.values()];
}
