import { listSome } from '#intent/list-some.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint } from '#model/records.ts';
import type { AgentState } from './state.ts';

/**
 * What this host's journal has and the controller that it follows now has not, nor did it take it away: its store is
 * another's, or was restored from a backup. With such endpoints the right store is waited for (see session.ts).
 */
export function unknownEndpointNotices(state: AgentState): Notice[] {
  const { session, view } = state;
  const unknown = session.connected && state.confirmed ? unknownEndpoints(state) : [];
  if (unknown.length === 0) return [];
  const are = unknown.length === 1 ? 'its container is' : 'their containers are';
  return [
    {
      code: 'endpoints-unknown',
      title: 'The controller does not know what it gave',
      sentence: `Its store, at revision ${view.revision}, is another one than before, or an older one, and has no ${listSome(unknown.map(({ name }) => name))}; ${are} off the network.`,
      next: `start the agent with the --controller that it had, or bring that one's store back; else \`weft endpoint detach ${unknown[0]!.id}\`, and attach the container anew.`,
    },
  ];
}

/** An attach that is not answered yet may be in the journal before it is in the view. */
function unknownEndpoints({ attachments, attaching, view }: AgentState): Endpoint[] {
  const begun = new Set([...attaching.values()].map(({ endpoint }) => endpoint?.id));
  return [...attachments.values()].flatMap(({ endpoint, state: is, published }) =>
    is === 'attached' && published && !view.endpoints.has(endpoint.id) && !begun.has(endpoint.id)
      ? endpoint
      : [],
  );
}
