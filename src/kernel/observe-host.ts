import type { BridgeFacts } from '#model/bridge-facts.ts';
import type { Ip } from '#model/ip.ts';
import { addKernelObject, HOST_NAMESPACE, type MutableKernelTables } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { isOwnHostLink } from '#model/own.ts';
import type { ForwardDrop } from '#model/permit.ts';
import { AF_INET, AF_INET6 } from '#netlink/ip-text.ts';
import { decodeAddress, encodeDumpAddresses } from '#netlink/route/address.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeDumpLinks, encodeGetLink, type Link as NetlinkLink } from '#netlink/route/link.ts';
import { decodeNeighbour, encodeDumpNeighbours, NTF, NUD } from '#netlink/route/neighbour.ts';
import type { FilterMemory } from './filter-read.ts';
import type { Scope } from './kernel.ts';
import { type LinkRows, linkFrom } from './link.ts';
import { readTables } from './read-tables.ts';
import { isAbsent, type Visit } from './visit.ts';

/** What is seen of the host's own namespace, where all but little is others'. */
export interface HostLook {
  readonly bridges: Map<string, BridgeFacts>;
  readonly rowSums: Map<string, string>;
  readonly drops: ForwardDrop[];
}

/**
 * Reads what is ours in the host's own namespace (VXLAN devices of adopted bridges, wherever they are now, with their
 * rows) and the adopted bridges themselves.
 */
export function readHost(
  state: MutableKernelTables & HostLook,
  visit: Visit,
  { bridges: names = [], rows: reach }: Scope,
  filters: FilterMemory,
): void {
  const { ns, conversation } = visit;
  const vxlans = conversation.dump(encodeDumpLinks({ kind: 'vxlan' }), decodeLink);
  const own = vxlans.filter(({ name = '', group }) => isOwnHostLink({ name, group }));
  const bridges = names.flatMap((name) => findBridge(visit, name));
  const byIndex: LinkRows = new Map([...own, ...bridges].map((row) => [row.index, row]));
  for (const row of byIndex.values()) addKernelObject(state, linkFrom(ns, row, byIndex, { type: 'veth' }));
  for (const bridge of bridges) state.bridges.set(bridge.name!, factsOf(visit, bridge, own));
  filters.read(state, visit);
  const { drops, permits } = filters.forwarding;
  state.drops.push(...drops);
  for (const permit of permits) addKernelObject(state, permit);
  if (reach === 'none' || own.length === 0) return;
  const device = new Map(own.map(({ index, name = '' }) => [index, name]));
  const tables = reach === 'sums' ? undefined : state;
  const sums = own.map(({ index }) => readTables(visit, device, [], tables, index).sum);
  state.rowSums.set(HOST_NAMESPACE, sums.join());
}

/** A link of that name that is no bridge counts as absent. */
function findBridge(visit: Visit, name: string): NetlinkLink[] {
  const row = findLink(visit, name);
  return row?.kind === 'bridge' ? [row] : [];
}

export function findLink({ conversation }: Visit, name: string): NetlinkLink | undefined {
  try {
    return decodeLink(conversation.ask(encodeGetLink({ name })));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function factsOf(visit: Visit, bridge: NetlinkLink, own: readonly NetlinkLink[]): BridgeFacts {
  const { conversation } = visit;
  const { index, mac, mtu = 0 } = bridge;
  const ours = new Set(own.map((link) => link.index));
  const ports = conversation
    .dump(encodeDumpLinks({ master: index }), decodeLink)
    .filter((port) => !ours.has(port.index));
  const addresses = conversation
    .dump(encodeDumpAddresses({ ifindex: index }), decodeAddress)
    .filter(({ ifindex }) => ifindex === index);
  const heard = neighboursOf(visit, index);
  const macs = stationsOf(visit, index, new Set(ports.map((port) => port.index)));
  return {
    mac: mac as Mac,
    mtu,
    portMtu: Math.max(0, ...ports.map((port) => port.mtu ?? 0)),
    addresses: addresses.map(({ address }) => address as Ip).sort(),
    stations: macs.map((each) => ({ mac: each, addresses: heard.get(each) ?? [] })),
  };
}

/** MACs that the bridge knows behind those ports, learned or written down; not the ports' own. */
function stationsOf({ conversation }: Visit, master: number, ports: ReadonlySet<number>): Mac[] {
  const macs = new Set<Mac>();
  conversation.dump(encodeDumpNeighbours(AF_BRIDGE, { master }), (message) => {
    const { ifindex, mac, flags, state } = decodeNeighbour(message);
    if (mac && ports.has(ifindex) && !(flags & NTF.SELF) && !(state & NUD.PERMANENT)) macs.add(mac as Mac);
  });
  return [...macs].sort();
}

/** Addresses of MACs that the host has found out by ARP and ND, or has been told in it. */
function neighboursOf({ conversation }: Visit, ifindex: number): Map<Mac, Ip[]> {
  const heard = new Map<Mac, Ip[]>();
  for (const family of [AF_INET, AF_INET6])
    for (const { mac, dst, state } of conversation.dump(
      encodeDumpNeighbours(family, { ifindex }),
      decodeNeighbour,
    ))
      if (mac && dst && !(state & (NUD.FAILED | NUD.INCOMPLETE | NUD.NOARP)))
        heard.set(mac as Mac, [...(heard.get(mac as Mac) ?? []), dst as Ip].sort());
  return heard;
}
