import type { Id } from '#model/id.ts';
import type { AgentState, Attaching } from './state.ts';

/* Attaches that are under way. */

/** Those for which nothing has been found yet. */
export const ungranted = ({ attaching }: AgentState): [request: number, Attaching][] =>
  [...attaching].filter(([, { phase }]) => phase === 'waiting' || phase === 'granting');

/** Those whose endpoint is being written into the journal. */
export const journaling = ({ attaching }: AgentState, endpoint: string): [request: number, Attaching][] =>
  [...attaching].filter(([, each]) => each.phase === 'journaling' && each.endpoint?.id === endpoint);

/** Of what was said, a name or an id. */
export const networkId = ({ view }: AgentState, { network }: { readonly network: string }): Id =>
  view.networkNamed(network)?.id ?? (network as Id);
