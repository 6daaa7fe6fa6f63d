import type { Fdb, KernelObject, NamespaceName, Neighbour } from '#model/kernel-state.ts';
import { overlayNamespace, tunnelName } from '#model/own.ts';
import type { Endpoint, Host, Network } from '#model/records.ts';
import { fdbTable, neighbourTable } from '#model/row-table.ts';
import { containerObjects, pairForRuntime } from './container.ts';
import { vtepOf } from './host-view.ts';
import { carriesIpv6, makeable } from './ipv6.ts';
import { addTunnelRows } from './tunnel.ts';

/** Whose kernel it is. */
export interface ThisHost {
  readonly host: Host;
  readonly hostTag: string;
  /** Default: it has. */
  readonly hasIpv6?: boolean;
}

/**
 * What a host's kernel holds for these endpoints of another host, and for the host itself: the same rows that `desired`
 * gives for the whole network, without going through it; or else what it may hold of them once somebody asks. Empty
 * when no tunnel leads there.
 */
export function rowsTowards(
  { host, hostTag, hasIpv6 }: ThisHost,
  network: Network,
  peer: Host,
  endpoints: readonly Endpoint[],
  when?: Parameters<typeof addTunnelRows>[2],
): (Fdb | Neighbour)[] {
  const [own, remote] = [vtepOf(host, network.underlay), vtepOf(peer, network.underlay)];
  if (!own || !remote) return [];
  const place = {
    network,
    host,
    ns: overlayNamespace(hostTag, network.vni),
    nameOf: tunnelName,
    ipv6: carriesIpv6(network, hasIpv6),
    remote: endpoints,
    hosts: new Map([host, peer].map((each) => [each.id, each])),
    vteps: new Map([
      [host.id, own],
      [peer.id, remote],
    ]),
  };
  const rows = { fdb: fdbTable(), neighbour: neighbourTable() };
  addTunnelRows(place, rows, when);
  return [...rows.fdb.values(), ...rows.neighbour.values()];
}

/**
 * What a host's kernel holds for one endpoint of its own: the port, and the interface behind it, in the container or
 * where its runtime will fetch it.
 */
export const localObjects = (
  { hostTag, hasIpv6 }: ThisHost,
  network: Network,
  endpoint: Endpoint,
  container: NamespaceName | undefined,
): KernelObject[] => {
  const ns = overlayNamespace(hostTag, network.vni);
  if (container === undefined) return [...pairForRuntime(network, ns, endpoint)];
  return [...makeable(containerObjects(network, ns, endpoint, container), carriesIpv6(network, hasIpv6))];
};
