import { cidrFamily, cidrOf, prefixLengthOf } from '#model/cidr.ts';
import { type Family, familyOf, type Ip } from '#model/ip.ts';
import type { Block } from '#model/records.ts';

/** Which of the blocks an address is in: a look-up for each prefix length that occurs, however many blocks there are. */
export function indexBlocks(blocks: Iterable<Block>): (ip: Ip) => Block[] {
  const byCidr = new Map<string, Block[]>();
  const lengths: Record<Family, Set<number>> = { 4: new Set(), 6: new Set() };
  for (const block of blocks) {
    byCidr.set(block.cidr, [...(byCidr.get(block.cidr) ?? []), block]);
    lengths[cidrFamily(block.cidr)].add(prefixLengthOf(block.cidr));
  }
  return (ip) => [...lengths[familyOf(ip)]].flatMap((length) => byCidr.get(cidrOf(ip, length)) ?? []);
}
