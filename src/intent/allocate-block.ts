import { type Cidr, cidrContains, cidrFamily, ipOf, prefixLengthOf } from '#model/cidr.ts';
import { createId } from '#model/id.ts';
import { FAMILY_BITS, type Family } from '#model/ip.ts';
import type { Block, Host, Network, Subnet } from '#model/records.ts';
import type { NetworkRecords, SnapshotView } from '#model/snapshot.ts';
import type { Chance } from './admitted.ts';
import { heldByOthers } from './exceptions.ts';
import { freeRanges } from './free-ranges.ts';
import { ownBlocks } from './own-blocks.ts';
import { heldByPeers, isTaken } from './peer-endpoints.ts';
import { findFreeAddress } from './usable-addresses.ts';

/** In subnets of at most this prefix length, blocks have their full size: 4096 of them or more. */
const WIDE: Readonly<Record<Family, { readonly subnet: number; readonly block: number }>> = {
  4: { subnet: 16, block: 28 },
  6: { subnet: 100, block: 112 },
};

/**
 * The prefix length of a subnet's blocks, so that many hosts can own one and each holds a useful number; undefined
 * for a subnet too small to cut up. From the full size at `WIDE` it falls in a straight line to 4 addresses in a
 * subnet of 64, and stays there:
 *
 * `block = full + floor((subnet - wide) · (bits - 2 - full) / (bits - 6 - wide))`, at most `bits - 2`
 *
 * | IPv4 subnet | block | blocks | | IPv6 subnet | block | blocks |
 * |---|---|---|---|---|---|---|
 * | /16, wider | /28 | 4096, more | | /64, wider | /112 | 2^48, more |
 * | /20 | /28 | 256 | | /100 | /112 | 4096 |
 * | /22 | /29 | 128 | | /104 | /114 | 1024 |
 * | /24 | /29 | 32 | | /112 | /119 | 128 |
 * | /26 | /30 | 16 | | /120 | /124 | 16 |
 * | /28 | /30 | 4 | | /124 | /126 | 4 |
 * | /29, /30 | none | | | /125, /126 | none | |
 */
export function blockPrefixLength(subnet: Cidr): number | undefined {
  const bits = FAMILY_BITS[cidrFamily(subnet)];
  const wide = WIDE[cidrFamily(subnet)];
  const length = prefixLengthOf(subnet);
  if (length > bits - 4) return undefined;
  const beyond = Math.max(0, length - wide.subnet);
  const [rise, run] = [bits - 2 - wide.block, bits - 6 - wide.subnet];
  return Math.min(bits - 2, wide.block + Math.floor((beyond * rise) / run));
}

/** A host that needs many addresses asks seldom: it gets as many blocks at once as it has … */
const MOST_AT_ONCE = 16;
/** … while no more of the subnet's blocks are anybody's. */
const PLENTY = 1 / 4;

/** Whether a host may have more blocks of the subnet than it needs now. */
export function hasPlenty({ cidr }: Subnet, { blocks }: NetworkRecords): boolean {
  const prefixLength = blockPrefixLength(cidr);
  if (prefixLength === undefined) return false;
  let owned = 0;
  for (const block of blocks.values()) if (cidrContains(cidr, ipOf(block.cidr))) owned++;
  return owned < 2 ** (prefixLength - prefixLengthOf(cidr)) * PLENTY;
}

/**
 * New blocks of the subnet for the host: the lowest that overlap no other and still have an address to give (fixed
 * addresses may sit in them already: the host does not give those). None when there are none, or the subnet has no
 * blocks. Costs O(blocks of the network) and, for each block filled up by fixed addresses, O(block).
 */
export function allocateBlocks(
  subnet: Subnet,
  network: Network,
  host: Host,
  snapshot: SnapshotView,
  chance: Chance,
): Block[] {
  const prefixLength = blockPrefixLength(subnet.cidr);
  if (prefixLength === undefined) return [];
  const records = snapshot.inNetwork(network.id);
  const { blocks } = records;
  const owned = Array.from(blocks.values(), (block) => block.cidr);
  const most = hasPlenty(subnet, records)
    ? Math.min(ownBlocks(blocks.values(), subnet, host).length, MOST_AT_ONCE)
    : 1;
  const found: Block[] = [];
  for (const cidr of freeRanges(subnet.cidr, prefixLength, owned)) {
    if (findFreeAddress(subnet, cidr, (ip) => isTaken(records, ip)) === undefined) continue;
    const id = createId(chance.now, chance.entropy);
    found.push({
      kind: 'block',
      id,
      network: network.id,
      host: host.id,
      cidr,
      epoch: host.epoch,
      except: [...heldByOthers(cidr, host, records), ...heldByPeers(cidr, records)],
      retired: 0,
    });
    if (found.length >= most) break;
  }
  return found;
}
