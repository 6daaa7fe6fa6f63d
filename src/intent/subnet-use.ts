import { cidrFamily, prefixLengthOf } from '#model/cidr.ts';
import type { Block, Network, Subnet } from '#model/records.ts';
import { blockPrefixLength } from './allocate-block.ts';
import { usableCount } from './usable-addresses.ts';

/** How much of a subnet is used. */
export interface SubnetUse {
  readonly subnet: Subnet;
  /** Addresses that endpoints can have. */
  readonly size: bigint;
  readonly used: bigint;
  readonly free: bigint;
  /** Rounded down. */
  readonly percent: number;
  /** How many blocks nobody owns; undefined for a subnet that is too small to be cut into blocks. */
  readonly freeBlocks?: bigint;
}

/** Costs O(blocks): every endpoint has one address of each subnet, so they need not be looked at. */
export function subnetUses(
  { subnets }: Network,
  endpointCount: number,
  blocks: readonly Block[],
): SubnetUse[] {
  return subnets.map((subnet) => {
    const size = usableCount(subnet);
    const used = BigInt(endpointCount);
    const free = used < size ? size - used : 0n;
    return {
      subnet,
      size,
      used,
      free,
      percent: Number((used * 100n) / size),
      freeBlocks: freeBlocks(subnet, blocks),
    };
  });
}

function freeBlocks({ cidr }: Subnet, blocks: readonly Block[]): bigint | undefined {
  const length = blockPrefixLength(cidr);
  if (length === undefined) return undefined;
  const owned = blocks.filter((block) => cidrFamily(block.cidr) === cidrFamily(cidr)).length;
  const left = (1n << BigInt(length - prefixLengthOf(cidr))) - BigInt(owned);
  return left > 0n ? left : 0n;
}
