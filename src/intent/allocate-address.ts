import { type Cidr, cidrContains } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Block, Host, Network, Subnet } from '#model/records.ts';
import type { NetworkRecords, SnapshotView } from '#model/snapshot.ts';
import type { Chance } from './admitted.ts';
import { allocateBlocks } from './allocate-block.ts';
import { isInUse, ownBlocks, usableAt } from './own-blocks.ts';
import { isTaken } from './peer-endpoints.ts';
import { findFreeAddress } from './usable-addresses.ts';

/**
 * Whether that host should not get that address now: it was given back lately, or its owner cannot be asked. `rather-not`
 * is for one that is given when the host's blocks have no other.
 */
export type IsBarred = (network: Id, ip: Ip, host: Id) => boolean | 'rather-not';

export interface AllocatedAddress {
  readonly ip: Ip;
  /** The blocks that the host acquires with it. */
  readonly blocks?: readonly Block[];
}

/**
 * A free address of the subnet for an endpoint on the host: one of the host's own blocks, else the lowest in
 * a new block, else (all blocks are owned, or the subnet has none) a single one. Undefined: the subnet is full.
 * Costs O(the host's addresses here) from an own block (O(1) while none is given back), O(blocks) more for a new one,
 * O(endpoints) for a single one.
 * A host that needs a new block (`newBlockIn`) lets addresses rest that it had: in its own blocks those lie low.
 */
export function allocateAddress(
  subnet: Subnet,
  network: Network,
  host: Host,
  snapshot: SnapshotView,
  chance: Chance,
  isBarred: IsBarred,
  newBlockIn: readonly string[] = [],
): AllocatedAddress | undefined {
  const records = snapshot.inNetwork(network.id);
  const { blocks } = records;
  const isHeld = (ip: Ip) => isTaken(records, ip) || isBarred(network.id, ip, host.id) === true;
  const own = () =>
    addressFromOwnBlocks(
      subnet,
      network,
      host,
      snapshot,
      isBarred,
      newBlockIn.length > 0 ? 'highest' : 'lowest',
    );
  const hasNothing = newBlockIn.includes(subnet.cidr);
  const ownIp = hasNothing ? undefined : own();
  if (ownIp) return { ip: ownIp };
  const [block, ...more] = allocateBlocks(subnet, network, host, snapshot, chance);
  const newIp = block && findFreeAddress(subnet, block.cidr, isHeld);
  if (newIp) return { ip: newIp, blocks: [block, ...more] };
  const restingIp = hasNothing ? own() : undefined;
  if (restingIp) return { ip: restingIp };
  const resting = [...blocks.values()].filter((each) => !isInUse(each));
  const rests = (ip: Ip) => resting.some(({ cidr }) => cidrContains(cidr, ip));
  // What is left lies in other hosts' blocks, and they give their lowest first: the highest stays out of their way.
  const order = blocks.size > 0 ? 'highest' : 'lowest';
  const ip = findFreeAddress(subnet, subnet.cidr, (each) => isHeld(each) || rests(each), order);
  return ip && { ip };
}

/**
 * One that the host may give without asking anybody, or undefined. Blocks are gone through in a circle, from the one that
 * gave last: where much comes and goes those behind it are full of what rests, and what has rested longest is ahead.
 */
export function addressFromOwnBlocks(
  subnet: Subnet,
  network: Network,
  host: Host,
  snapshot: SnapshotView,
  isBarred: IsBarred,
  order: 'lowest' | 'highest' = 'lowest',
): Ip | undefined {
  const records = snapshot.inNetwork(network.id);
  const lastGiving = givingBlocks(records);
  let secondChoice: Ip | undefined;
  const own = ownBlocks(records.blocks.values(), subnet, host);
  const start = Math.max(
    0,
    own.findIndex(({ id }) => id === lastGiving.get(subnet.cidr)),
  );
  for (const block of [...own.slice(start), ...own.slice(0, start)]) {
    const isHeld = (ip: Ip) => {
      const barred = isBarred(network.id, ip, host.id);
      // Who is in whose way is asked last: it takes longest, and there can be many that rest.
      if (barred === true || (barred === 'rather-not' && secondChoice !== undefined)) return true;
      if (block.except.includes(ip) || isTaken(records, ip)) return true;
      if (barred === 'rather-not') secondChoice = ip;
      return barred === 'rather-not';
    };
    const ip =
      order === 'lowest'
        ? firstFrom(lowestLeft(block, subnet, records), block, subnet, isHeld)
        : findFreeAddress(subnet, block.cidr, isHeld, order);
    if (!ip) continue;
    lastGiving.set(subnet.cidr, block.id);
    return ip;
  }
  return secondChoice;
}

/** Which block of each subnet gave last. */
const giving = new WeakMap<object, Map<Cidr, Id>>();

function givingBlocks({ endpoints }: NetworkRecords): Map<Cidr, Id> {
  const known = giving.get(endpoints) ?? new Map<Cidr, Id>();
  giving.set(endpoints, known);
  return known;
}

/** How many addresses the host may give gladly without asking anybody, up to `most`: O(most + the host's addresses here). */
export function countFree(
  subnet: Subnet,
  network: Network,
  host: Host,
  snapshot: SnapshotView,
  isBarred: IsBarred,
  most: number,
): number {
  const records = snapshot.inNetwork(network.id);
  let free = 0;
  for (const block of ownBlocks(records.blocks.values(), subnet, host)) {
    const isHeld = (ip: Ip) =>
      isBarred(network.id, ip, host.id) !== false || block.except.includes(ip) || isTaken(records, ip);
    for (let at = lowestLeft(block, subnet, records); free < most; at++) {
      const ip = usableAt(at, block, subnet);
      if (ip === undefined) break;
      if (!isHeld(ip)) free++;
    }
  }
  return free;
}

/** The first that is not held, from that place of the block on. */
function firstFrom(place: number, block: Block, subnet: Subnet, isHeld: (ip: Ip) => boolean): Ip | undefined {
  for (let at = place; ; at++) {
    const ip = usableAt(at, block, subnet);
    if (ip === undefined || !isHeld(ip)) return ip;
  }
}

/** What `lowestLeft` gave for a block when it was last asked. */
const left = new WeakMap<
  Block,
  { readonly place: number; readonly endpoints: object; readonly gone: number }
>();

/** Which of a block is the lowest that no endpoint has: until an endpoint goes, it is not below where it was. */
function lowestLeft(block: Block, subnet: Subnet, { endpoints, endpointByIp }: NetworkRecords): number {
  const { gone } = endpoints;
  const last = left.get(block);
  let place = last?.endpoints === endpoints && last.gone === gone ? last.place : 0;
  for (;;) {
    const ip = usableAt(place, block, subnet);
    if (ip === undefined || !endpointByIp.has(ip)) break;
    place++;
  }
  left.set(block, { place, endpoints, gone });
  return place;
}
