import { type Cidr, cidrContains } from '#model/cidr.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { Endpoint, Host, Network, Subnet } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import type { Admitted, Chance } from './admitted.ts';
import { addressFromOwnBlocks, type IsBarred } from './allocate-address.ts';
import { attachEndpoint } from './attach-endpoint.ts';
import { complete, noFaults } from './faults.ts';
import { networkCalled } from './find-record.ts';
import { ownBlocks } from './own-blocks.ts';
import { readEndpoint } from './read-endpoint.ts';

export type LocalGrant = Pick<Admitted, 'notices'> & { readonly endpoint: Endpoint };

/**
 * What a host may grant alone, without asking anybody: an endpoint that it has already, or a new one with addresses
 * from its own blocks and a MAC of chance. Undefined when the wish needs the controller: to be admitted, or to be refused with authority.
 */
export function admitLocally(
  wish: AttachEndpoint,
  view: SnapshotView,
  chance: Chance,
  isBarred: IsBarred,
): LocalGrant | undefined {
  // A MAC that was asked for may be another's, on a host that this one hears of later.
  if (wish.mac !== undefined) return undefined;
  const answer = attachEndpoint(wish, view, chance, isBarred);
  if (isRejection(answer) || answer.subject?.kind !== 'endpoint') return undefined;
  const endpoint = answer.subject;
  const grant = { endpoint, notices: answer.notices };
  if (answer.changes.length === 0) return grant;
  if (answer.changes.length > 1 || answer.askFirst) return undefined;
  const network = view.networks.get(endpoint.network)!;
  const host = view.hosts.get(endpoint.host)!;
  return network.subnets.every((subnet) => isOwn(endpoint, subnet, network, host, view)) ? grant : undefined;
}

/** Whether all addresses of the wish are that endpoint's, or from the host's own blocks: what it may put together. */
export function canAdmitHeld({ addresses }: AttachEndpoint, held: Endpoint, view: SnapshotView): boolean {
  const network = view.networks.get(held.network);
  const host = view.hosts.get(held.host);
  const others = addresses.filter((text) => !held.addresses.some((ip) => ip === text));
  return others.every(
    (ip) =>
      network &&
      host &&
      network.subnets.some((subnet) => isInOwnBlock(ip as Ip, subnet, network, host, view)),
  );
}

/** An endpoint of the host's that was granted before it was known for whom. */
export function admitHeld(wish: AttachEndpoint, held: Endpoint): Endpoint | Rejection {
  const faults = noFaults();
  const { addresses, aliases, mac = held.mac, ...words } = readEndpoint(faults, wish);
  const { runtime, containerId, name } = words;
  const fields = complete(faults, { runtime, containerId, name });
  if (isRejection(fields)) return fields;
  return {
    ...{ ...held, ...fields, aliases, mac },
    addresses: held.addresses.map((ip) => addresses.get(familyOf(ip)) ?? ip),
    generation: held.generation + 1,
  };
}

/** Subnets of the network in which the host's own blocks have nothing to give now: it would need a new one. */
export function exhaustedSubnets(
  { network: text }: AttachEndpoint,
  hostId: Id,
  view: SnapshotView,
  isBarred: IsBarred,
): Cidr[] {
  const network = networkCalled(view, text);
  const host = view.hosts.get(hostId);
  if (!network || !host) return [];
  const { blocks } = view.inNetwork(network.id);
  // Without any the controller may know of one that this host has not heard of yet.
  const lacks = (subnet: Subnet) =>
    ownBlocks(blocks.values(), subnet, host).length > 0 &&
    !addressFromOwnBlocks(subnet, network, host, view, isBarred);
  return network.subnets.filter(lacks).map(({ cidr }) => cidr);
}

/** Whether the endpoint's address in that subnet is the host's own to give. */
function isOwn(
  endpoint: Endpoint,
  subnet: Subnet,
  network: Network,
  host: Host,
  view: SnapshotView,
): boolean {
  return endpoint.addresses.some((ip) => isInOwnBlock(ip, subnet, network, host, view));
}

function isInOwnBlock(ip: Ip, subnet: Subnet, network: Network, host: Host, view: SnapshotView): boolean {
  const blocks = ownBlocks(view.inNetwork(network.id).blocks.values(), subnet, host);
  return blocks.some(({ cidr, except }) => cidrContains(cidr, ip) && !except.includes(ip));
}
