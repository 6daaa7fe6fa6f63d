import { cidrContains, ipOf } from '#model/cidr.ts';
import { ipToNumber } from '#model/ip.ts';
import type { Block, Host, Subnet } from '#model/records.ts';

/** Whether it still is somebody's to give from; a retired block rests until all peers have applied that. */
export const isInUse = ({ retired }: Block): boolean => retired === 0;

/** Whether the host may give from it: it was not taken away, nor given back. */
export const ownsBlock = ({ id, epoch }: Host, block: Block): boolean =>
  block.host === id && block.epoch === epoch && isInUse(block);

/** The host's own in a subnet, lowest first. */
export function ownBlocks(blocks: Iterable<Block>, subnet: Subnet, host: Host): Block[] {
  const own: { readonly block: Block; readonly first: bigint }[] = [];
  for (const block of blocks) {
    if (ownsBlock(host, block) && cidrContains(subnet.cidr, ipOf(block.cidr)))
      own.push({ block, first: ipToNumber(ipOf(block.cidr)) });
  }
  return own.sort((a, b) => (a.first < b.first ? -1 : 1)).map(({ block }) => block);
}
