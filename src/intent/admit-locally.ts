import type { Cidr } from '#model/cidr.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { Endpoint, Subnet } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import type { Admitted, Chance } from './admitted.ts';
import { addressFromOwnBlocks, type IsBarred } from './allocate-address.ts';
import { attachEndpoint } from './attach-endpoint.ts';
import { complete, noFaults } from './faults.ts';
import { networkCalled } from './find-record.ts';
import { ownBlocks, ownBlockWith } from './own-blocks.ts';
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
  return endpoint.addresses.every((ip) => isInOwnBlock(ip, endpoint, view)) ? grant : undefined;
}

/** Whether all addresses of the wish are that endpoint's, or from the host's own blocks: what it may put together. */
export function canAdmitHeld({ addresses }: AttachEndpoint, held: Endpoint, view: SnapshotView): boolean {
  const others = addresses.filter((text) => !held.addresses.some((ip) => ip === text));
  return others.every((ip) => isInOwnBlock(ip as Ip, held, view));
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

/** Whether it is the endpoint's host's own to give. */
function isInOwnBlock(ip: Ip, { network, host: id }: Endpoint, view: SnapshotView): boolean {
  const host = view.hosts.get(id);
  const block = host && ownBlockWith(ip, network, host, view);
  return block !== undefined && !block.except.includes(ip);
}
