import { type Cidr, cidrFamily, cidrSize, ipOf } from '#model/cidr.ts';
import { FAMILY_BITS, ipFromNumber, ipToNumber } from '#model/ip.ts';

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

const rangeOf = (cidr: Cidr): Range => {
  const first = ipToNumber(ipOf(cidr));
  return { first, last: first + cidrSize(cidr) - 1n };
};

/**
 * All aligned ranges of that length within a space which overlap nothing that is taken, lowest first. Made one by
 * one as asked for: the first costs O(taken · log taken), however large the space; taken ranges may overlap each
 * other, lie outside or be of the other family.
 */
export function* freeRanges(space: Cidr, prefixLength: number, taken: Iterable<Cidr>): Generator<Cidr> {
  const family = cidrFamily(space);
  const size = 1n << BigInt(FAMILY_BITS[family] - prefixLength);
  const end = rangeOf(space).last;
  const obstacles = obstaclesIn(space, taken);
  let next = 0;
  let cursor = rangeOf(space).first;
  while (cursor + size - 1n <= end) {
    while (next < obstacles.length && obstacles[next]!.last < cursor) next++;
    const obstacle = obstacles[next];
    if (obstacle && obstacle.first < cursor + size) {
      cursor = (obstacle.last / size + 1n) * size;
    } else {
      yield `${ipFromNumber(cursor, family)}/${prefixLength}` as Cidr;
      cursor += size;
    }
  }
}

/** What is taken within the space, by first address, overlaps merged: so the one in front is the next in the way. */
function obstaclesIn(space: Cidr, taken: Iterable<Cidr>): Range[] {
  const within = rangeOf(space);
  const ranges: Range[] = [];
  for (const cidr of taken) {
    if (cidrFamily(cidr) !== cidrFamily(space)) continue;
    const range = rangeOf(cidr);
    if (range.last >= within.first && range.first <= within.last) ranges.push(range);
  }
  ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Range[] = [];
  for (const range of ranges) {
    const before = merged.at(-1);
    if (!before || range.first > before.last) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last };
  }
  return merged;
}
