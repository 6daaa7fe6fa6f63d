import { cidrFamily, cidrSize, ipOf } from '#model/cidr.ts';
import { ipToNumber } from '#model/ip.ts';
import type { Block, Host, Subnet } from '#model/records.ts';

/** Whether it still is somebody's to give from; a retired block rests until all peers have applied that. */
export const isInUse = ({ retired }: Block): boolean => retired === 0;

/** Whether the host may give from it: it was not taken away, nor given back. */
export const ownsBlock = ({ id, epoch }: Host, block: Block): boolean =>
  block.host === id && block.epoch === epoch && isInUse(block);

/** The host's own in a subnet, lowest first. */
export function ownBlocks(blocks: Iterable<Block>, subnet: Subnet, host: Host): Block[] {
  const own: Block[] = [];
  const family = cidrFamily(subnet.cidr);
  const begin = ipToNumber(ipOf(subnet.cidr));
  const end = begin + cidrSize(subnet.cidr);
  for (const block of blocks)
    if (ownsBlock(host, block) && cidrFamily(block.cidr) === family) {
      const first = firstOf(block);
      if (first >= begin && first < end) own.push(block);
    }
  return own.sort((a, b) => (firstOf(a) < firstOf(b) ? -1 : 1));
}

/** Asked for with each attach, of each block. */
const firsts = new WeakMap<Block, bigint>();

function firstOf(block: Block): bigint {
  const known = firsts.get(block);
  if (known !== undefined) return known;
  const first = ipToNumber(ipOf(block.cidr));
  firsts.set(block, first);
  return first;
}
