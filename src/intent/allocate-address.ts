import { cidrContains } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Block, Host, Network, Subnet } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Chance } from './admitted.ts';
import { allocateBlock } from './allocate-block.ts';
import { isInUse, ownBlocks } from './own-blocks.ts';
import { findFreeAddress } from './usable-addresses.ts';

/** Whether that host should not get that address now: it was given back lately, or its owner cannot be asked. */
export type IsBarred = (network: Id, ip: Ip, host: Id) => boolean;

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
  isBarred: IsBarred,
): AllocatedAddress | undefined {
  const { blocks, endpointByIp } = snapshot.inNetwork(network.id);
  const isTaken = (ip: Ip) => endpointByIp.has(ip);
  const isHeld = (ip: Ip) => isTaken(ip) || isBarred(network.id, ip, host.id);
  for (const block of ownBlocks(blocks.values(), subnet, host)) {
    const ip = findFreeAddress(subnet, block.cidr, (each) => isHeld(each) || block.except.includes(each));
    if (ip) return { ip };
  }
  const block = allocateBlock(subnet, network, host, snapshot, chance);
  if (block) return { ip: findFreeAddress(subnet, block.cidr, isTaken)!, block };
  const resting = [...blocks.values()].filter((each) => !isInUse(each));
  const rests = (ip: Ip) => resting.some(({ cidr }) => cidrContains(cidr, ip));
  // What is left lies in other hosts' blocks, and they give their lowest first: the highest stays out of their way.
  const order = blocks.size > 0 ? 'highest' : 'lowest';
  const ip = findFreeAddress(subnet, subnet.cidr, (each) => isHeld(each) || rests(each), order);
  return ip && { ip };
}
