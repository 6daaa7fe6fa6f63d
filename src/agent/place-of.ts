import type { Id } from '#model/id.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import { hostTag, overlayNamespace } from '#model/own.ts';
import type { RowPlace } from '#plan/asked-rows.ts';
import type { ThisHost } from '#plan/endpoint-objects.ts';
import type { AgentState } from './state.ts';

/** The network of a namespace; undefined where nothing is wished. */
export function placeOf(state: AgentState, ns: NamespaceName): RowPlace | undefined {
  const { view, wishesNothing } = state;
  const here = thisHost(state);
  if (!here || wishesNothing) return undefined;
  const network = [...view.networks.values()].find(({ vni }) => overlayNamespace(here.hostTag, vni) === ns);
  return network && takesPart(state, network.id) ? { here, snapshot: view, network } : undefined;
}

/** Where a network is on this host; undefined while it is not heard of. */
export function overlayOf({ view, host }: AgentState, id: Id): NamespaceName | undefined {
  const network = view.networks.get(id);
  return network && overlayNamespace(hostTag(host), network.vni);
}

/** Whether this host has an endpoint or an adopted bridge in the network. */
export const takesPart = ({ view, host }: AgentState, network: Id): boolean =>
  view.inNetwork(network).endpointCount.has(host);

/** Undefined before this host is known to be registered. */
export function thisHost({ view, host, hasIpv6 }: AgentState): ThisHost | undefined {
  const record = view.hosts.get(host);
  return record && { host: record, hostTag: hostTag(host), hasIpv6 };
}
