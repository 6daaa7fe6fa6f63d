import type { BridgeFacts } from '#model/bridge-facts.ts';
import {
  type BridgePort,
  HOST_NAMESPACE,
  type KernelObject,
  type Link,
  type RowTables,
} from '#model/kernel-state.ts';
import { ZERO_MAC } from '#model/mac.ts';
import { adoptedTunnelName, LINK_GROUP } from '#model/own.ts';
import type { Host } from '#model/records.ts';
import type { NetworkView } from './host-view.ts';
import { carriesIpv6 } from './ipv6.ts';
import { addTunnelRows, tunnelLinks } from './tunnel.ts';
import { tunnelGuard } from './tunnel-guard.ts';

/** What a bridge without ports has, and containers in it will have. */
const ETHERNET_MTU = 1500;

/**
 * The tunnel that joins a bridge of somebody else's to its network: a VXLAN device in the host's own namespace, one
 * more port of that bridge, and the rules that keep the host's own addresses from crossing it. Nothing while there is
 * no such bridge. The bridge itself, its ports and addresses are not touched.
 */
export function* adoptedObjects(
  network: NetworkView,
  host: Host,
  { bridges, hasIpv6 }: { readonly bridges?: ReadonlyMap<string, BridgeFacts>; readonly hasIpv6?: boolean },
  rows?: RowTables,
): Generator<Iterable<KernelObject>> {
  const bridge = network.adopted?.bridge;
  const facts = bridge === undefined ? undefined : bridges?.get(bridge);
  if (bridge === undefined || !facts) return;
  const nameOf = (device?: number) => adoptedTunnelName(network.network.vni, device);
  const ipv6 = carriesIpv6(network.network, hasIpv6);
  const place = { ...network, host, ns: HOST_NAMESPACE, nameOf, ipv6, remote: network.stations };
  for (const link of tunnelLinks(place)) {
    yield tunnelGuard(HOST_NAMESPACE, link.name, facts.addresses);
    yield [adoptedLink(link, bridge, facts)];
  }
  if (rows) addTunnelRows(place, rows);
}

/**
 * With the bridge's own MAC: a bridge takes the lowest of its ports', so that any other could become its own, which
 * its neighbours know it by. With the largest MTU of its ports, no less: a bridge takes the smallest, and drops what
 * is too long for a port without a word.
 */
const adoptedLink = (link: Link, bridge: string, facts: BridgeFacts): Link => ({
  ...link,
  master: bridge,
  group: LINK_GROUP,
  mac: facts.mac === ZERO_MAC ? undefined : facts.mac,
  mtu: adoptedMtu(facts),
  port: adoptedPort(link.port),
});

export const adoptedMtu = ({ mtu, portMtu }: BridgeFacts): number => portMtu || Math.max(mtu, ETHERNET_MTU);

/**
 * The bridge learns from the tunnel as from its other ports: one who has moved to another host is then no longer looked
 * for behind the old port. Whether the port forwards is between it and the bridge's owner (STP).
 */
function adoptedPort(port: Link['port']): Partial<BridgePort> {
  const { forwarding: _, ...flags } = port ?? {};
  return { ...flags, learning: true };
}
