import type { Id } from '#model/id.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { TunnelEnd } from '#model/network-endpoints.ts';
import {
  type Adoption,
  type Endpoint,
  familyOfUnderlay,
  type Host,
  type Network,
  type Peer,
  type Publication,
  type Revision,
  type UnderlayFamily,
} from '#model/records.ts';
import type { NetworkRecords, SnapshotView } from '#model/snapshot.ts';
import { remoteStations } from './stations.ts';

/** All that one host must know: its own record and the networks it takes part in. */
export interface HostView {
  readonly revision: Revision;
  readonly host: Host;
  /** By id. A host takes part where it has an endpoint or an adopted bridge. */
  readonly networks: readonly NetworkView[];
}

export interface NetworkView {
  readonly network: Network;
  /** This host's endpoints, by id. */
  readonly local: readonly Endpoint[];
  /** Other hosts' endpoints whose VTEP is known; made as they are asked for, as there can be very many. */
  readonly remote: Iterable<TunnelEnd>;
  /** Other hosts' endpoints that no tunnel leads to: the host's record or its address in the underlay's family is missing. */
  readonly unreachable: readonly Endpoint[];
  /** This host's bridge in the network. */
  readonly adopted?: Adoption;
  /** Of this host's endpoints; by id. */
  readonly publications: readonly Publication[];
  /** Who is behind other hosts' bridges, each MAC once. */
  readonly stations: readonly TunnelEnd[];
  /** Hosts with an endpoint or bridge here, this one among them; by id. One without a record is not in it. */
  readonly hosts: ReadonlyMap<Id, Host>;
  /** Where the tunnels of members and peers end, in the network's underlay family; by id. */
  readonly vteps: ReadonlyMap<Id, Ip>;
}

/**
 * Narrows all records to what one host needs: the same in controller, agent and browser. Undefined for an unknown
 * host. Costs one pass over the networks and their members; it shows the snapshot only as long as that is not changed.
 */
export function hostView(snapshot: SnapshotView, hostId: Id): HostView | undefined {
  const host = snapshot.hosts.get(hostId);
  if (!host) return undefined;
  const networks = [...snapshot.networks.values()]
    .filter((network) => snapshot.inNetwork(network.id).endpointCount.has(hostId))
    .sort(byId)
    .map((network) => networkView(snapshot, network, hostId));
  return { revision: snapshot.revision, host, networks };
}

/** Where a host's tunnels end in a family: its first underlay address of it. */
export const vtepOf = (host: Host, underlay: UnderlayFamily): Ip | undefined =>
  host.underlay.find((ip) => familyOf(ip) === familyOfUnderlay(underlay));

function networkView(snapshot: SnapshotView, network: Network, hostId: Id): NetworkView {
  const records = snapshot.inNetwork(network.id);
  const hosts = membersOf(snapshot, records);
  const vteps = new Map<Id, Ip>();
  for (const host of hosts.values()) {
    const vtep = vtepOf(host, network.underlay);
    if (vtep) vteps.set(host.id, vtep);
  }
  for (const peer of records.peers.values()) vteps.set(peer.id, peer.vtep);
  const { endpoints, peers } = records;
  const local = [...endpoints.on(hostId)].sort(byId);
  const others = [...records.endpointCount.keys()].filter((id) => id !== hostId);
  const members = endpoints.tunnelEnds(others.filter((id) => vteps.has(id)));
  const outside = peerEnds([...peers.values()]);
  const remote = outside.length > 0 ? both(members, outside) : members;
  const unreachable = others.filter((id) => !vteps.has(id)).flatMap((id) => [...endpoints.on(id)]);
  const adopted = [...records.adoptions.values()].find((adoption) => adoption.host === hostId);
  const stations = [...remoteStations(records, hostId).filter(({ host }) => vteps.has(host)), ...outside];
  const publications = [...records.publications.values()].filter(({ host }) => host === hostId).sort(byId);
  return {
    ...{ network, local, remote, unreachable: unreachable.sort(byId), publications },
    ...{ adopted, stations, hosts, vteps },
  };
}

/** Who is behind tunnel ends that Weft does not run. */
const peerEnds = (peers: Peer[]): TunnelEnd[] =>
  peers
    .sort(byId)
    .flatMap(({ id, endpoints }) => endpoints.map(({ mac, addresses }) => ({ mac, addresses, host: id })));

const both = (first: Iterable<TunnelEnd>, then: Iterable<TunnelEnd>): Iterable<TunnelEnd> => ({
  *[Symbol.iterator]() {
    yield* first;
    yield* then;
  },
});

function membersOf(snapshot: SnapshotView, { endpointCount }: NetworkRecords): Map<Id, Host> {
  const members = new Map<Id, Host>();
  for (const id of [...endpointCount.keys()].sort()) {
    const host = snapshot.hosts.get(id);
    if (host) members.set(id, host);
  }
  return members;
}

const byId = (a: { readonly id: Id }, b: { readonly id: Id }): number => (a.id < b.id ? -1 : 1);
