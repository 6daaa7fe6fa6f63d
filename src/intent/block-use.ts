import { cidrContains, cidrSize, ipOf } from '#model/cidr.ts';
import { type Ip, ipToNumber } from '#model/ip.ts';
import type { Block, Endpoint, Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { indexBlocks } from './block-index.ts';
import { reservedAddresses } from './usable-addresses.ts';

/** How much of a block is used, and by whom besides its owner. */
export interface BlockUse {
  readonly block: Block;
  /** Addresses that endpoints can have. */
  readonly size: bigint;
  /** Of those, how many endpoints have; whosever they are. */
  readonly used: number;
  /** What its owner gives to nobody, and who has it. */
  readonly exceptions: readonly { readonly ip: Ip; readonly holder?: Endpoint }[];
}

/** The network's blocks, lowest first. Costs O(endpoints). */
export function blockUses(network: Network, snapshot: SnapshotView): BlockUse[] {
  const { blocks, endpoints, endpointByIp } = snapshot.inNetwork(network.id);
  const blocksOf = indexBlocks(blocks.values());
  const used = new Map<Block, number>();
  for (const ip of endpointByIp.keys())
    for (const block of blocksOf(ip)) used.set(block, (used.get(block) ?? 0) + 1);
  return sortBlocks(blocks.values()).map((block) => ({
    block,
    size: sizeOf(block, network),
    used: used.get(block) ?? 0,
    exceptions: block.except.map((ip) => ({ ip, holder: endpoints.get(endpointByIp.get(ip)!) })),
  }));
}

/** By first address, IPv4 before IPv6. */
export function sortBlocks(blocks: Iterable<Block>): Block[] {
  const keyed = Array.from(blocks, (block) => ({ block, first: ipToNumber(ipOf(block.cidr)) }));
  const rank = ({ cidr }: Block) => (cidr.includes(':') ? 1 : 0);
  return keyed
    .sort((a, b) => rank(a.block) - rank(b.block) || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
    .map(({ block }) => block);
}

function sizeOf({ cidr }: Block, { subnets }: Network): bigint {
  const subnet = subnets.find((each) => cidrContains(each.cidr, ipOf(cidr)));
  const special = subnet ? [subnet.gateway, ...reservedAddresses(subnet.cidr).keys()] : [];
  return cidrSize(cidr) - BigInt(new Set(special.filter((ip) => cidrContains(cidr, ip))).size);
}
