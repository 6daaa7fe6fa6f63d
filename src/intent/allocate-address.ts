import { cidrContains, ipOf } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import { type Ip, ipToNumber } from '#model/ip.ts';
import type { Block, Host, Network, Subnet } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Chance } from './admitted.ts';
import { allocateBlock } from './allocate-block.ts';
import { findFreeAddress } from './usable-addresses.ts';

/** Whether the host gave an address back so lately that nobody should get it yet. */
export type IsResting = (network: Id, ip: Ip) => boolean;

export interface AllocatedAddress {
  readonly ip: Ip;
  /** The block that the host acquires with it. */
  readonly block?: Block;
}

/**
 * A free address of the subnet for an endpoint on the host: the lowest in the host's own blocks, else the lowest in
 * a new block, else (all blocks are owned, or the subnet has none) a single one. Undefined: the subnet is full.
 * Costs O(the host's addresses here) from an own block, O(blocks) more for a new one, O(endpoints) for a single one.
 */
export function allocateAddress(
  subnet: Subnet,
  network: Network,
  host: Host,
  snapshot: SnapshotView,
  chance: Chance,
  isResting: IsResting,
): AllocatedAddress | undefined {
  const { blocks, endpointByIp } = snapshot.inNetwork(network.id);
  const isTaken = (ip: Ip) => endpointByIp.has(ip);
  const isHeld = (ip: Ip) => isTaken(ip) || isResting(network.id, ip);
  for (const block of ownBlocks(blocks.values(), subnet, host)) {
    const ip = findFreeAddress(subnet, block.cidr, (each) => isHeld(each) || block.except.includes(each));
    if (ip) return { ip };
  }
  const block = allocateBlock(subnet, network, host, snapshot, chance);
  if (block) return { ip: findFreeAddress(subnet, block.cidr, isTaken)!, block };
  // What is left lies in other hosts' blocks, and they give their lowest first: the highest stays out of their way.
  const order = blocks.size > 0 ? 'highest' : 'lowest';
  const ip = findFreeAddress(subnet, subnet.cidr, isTaken, order);
  return ip && { ip };
}

/** Lowest first. A block of an earlier epoch is no longer the host's to give from. */
export function ownBlocks(blocks: Iterable<Block>, subnet: Subnet, host: Host): Block[] {
  const own: { readonly block: Block; readonly first: bigint }[] = [];
  for (const block of blocks) {
    if (block.host === host.id && block.epoch === host.epoch && cidrContains(subnet.cidr, ipOf(block.cidr)))
      own.push({ block, first: ipToNumber(ipOf(block.cidr)) });
  }
  return own.sort((a, b) => (a.first < b.first ? -1 : 1)).map(({ block }) => block);
}
