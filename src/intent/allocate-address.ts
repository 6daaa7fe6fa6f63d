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
 * Costs O(the network's blocks) from an own block, mostly (see `lowestFree`), O(endpoints) for a single one.
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
 * One that the host may give without asking anybody, or undefined: the lowest, but for some that became free lately
 * (see `lowestFree`).
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
  const own = ownBlocks(records.blocks.values(), subnet, host);
  let secondChoice: Ip | undefined;
  const isHeld = (ip: Ip, block: Block) => {
    const barred = isBarred(network.id, ip, host.id);
    // Who is in whose way is asked last: it takes longest, and there can be many that rest.
    if (barred === true || (barred === 'rather-not' && secondChoice !== undefined)) return true;
    if (block.except.includes(ip) || isTaken(records, ip)) return true;
    if (barred === 'rather-not') secondChoice = ip;
    return barred === 'rather-not';
  };
  if (order === 'lowest') return lowestFree(own, subnet, records, isHeld) ?? secondChoice;
  for (const block of own) {
    const ip = findFreeAddress(subnet, block.cidr, (each) => isHeld(each, block), order);
    if (ip) return ip;
  }
  return secondChoice;
}

/** Where the lowest was last found: so many lie below, and so many endpoints had gone when these were last looked at. */
interface Place {
  readonly block: Block;
  readonly at: number;
  readonly below: number;
  readonly gone: number;
}

const lastPlaces = new WeakMap<object, Map<Cidr, Place>>();
/** Where much comes and goes, thousands that rest lie below: each attach would go over them. */
const MOST_BELOW = 64;
const MOST_GONE = 64;

/** Where many lie below the last one, it looks at them again when many have gone, or when there is nothing above. */
function lowestFree(
  own: readonly Block[],
  subnet: Subnet,
  { endpoints }: NetworkRecords,
  isHeld: (ip: Ip, block: Block) => boolean,
): Ip | undefined {
  const places = lastPlaces.get(endpoints) ?? new Map<Cidr, Place>();
  lastPlaces.set(endpoints, places);
  const findFrom = (first: number, { at, below, gone }: Omit<Place, 'block'>): Ip | undefined => {
    for (const block of own.slice(first)) {
      for (let ip = usableAt(at, block, subnet); ip !== undefined; ip = usableAt(++at, block, subnet)) {
        if (!isHeld(ip, block)) {
          places.set(subnet.cidr, { block, at, below, gone });
          return ip;
        }
        below++;
      }
      at = 0;
    }
    return undefined;
  };
  const last = places.get(subnet.cidr);
  const isFar = last && last.below >= MOST_BELOW && endpoints.gone - last.gone < MOST_GONE;
  const index = isFar ? own.indexOf(last.block) : -1;
  const above = index >= 0 ? findFrom(index, last!) : undefined;
  return above ?? findFrom(0, { at: 0, below: 0, gone: endpoints.gone });
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
    for (let at = 0; free < most; at++) {
      const ip = usableAt(at, block, subnet);
      if (ip === undefined) break;
      if (!isHeld(ip)) free++;
    }
  }
  return free;
}
