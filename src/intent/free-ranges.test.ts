import { expect, it } from 'vitest';
import { type Cidr, cidrSize, cidrsOverlap, parseCidr } from '#model/cidr.ts';
import { type Ip, ipFromNumber } from '#model/ip.ts';
import { seededRandom } from '#model/test-random.ts';
import { freeRanges } from './free-ranges.ts';

const free = (space: string, prefixLength: number, taken: string[], count = 8) => {
  const found: Cidr[] = [];
  for (const cidr of freeRanges(space as Cidr, prefixLength, taken as Cidr[])) {
    found.push(cidr);
    if (found.length === count) break;
  }
  return found;
};

it.each([
  ['an empty space', '10.0.0.0/30', 32, [], ['10.0.0.0/32', '10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32']],
  ['the space itself', '10.0.0.0/24', 24, [], ['10.0.0.0/24']],
  ['more than the space', '10.0.0.0/24', 23, [], []],
  [
    'beside smaller ones',
    '10.0.0.0/24',
    26,
    ['10.0.0.1/32', '10.0.0.130/31'],
    ['10.0.0.64/26', '10.0.0.192/26'],
  ],
  ['beside a larger one', '10.0.0.0/24', 26, ['10.0.0.0/25'], ['10.0.0.128/26', '10.0.0.192/26']],
  ['under one around the space', '10.0.0.0/24', 26, ['10.0.0.0/8'], []],
  [
    'beside strangers',
    '10.0.0.0/31',
    32,
    ['9.0.0.0/8', '10.0.0.2/32', '::/0'],
    ['10.0.0.0/32', '10.0.0.1/32'],
  ],
  [
    'beside nested ones',
    '10.0.0.0/24',
    26,
    ['10.0.0.0/25', '10.0.0.0/30', '10.0.0.200/29'],
    ['10.0.0.128/26'],
  ],
  ['at the end of all addresses', '255.255.255.254/31', 32, ['255.255.255.254/32'], ['255.255.255.255/32']],
  ['IPv6', 'fd00::/62', 64, ['fd00::/64', 'fd00:0:0:2::5/128'], ['fd00:0:0:1::/64', 'fd00:0:0:3::/64']],
])('%s', (_, space, prefixLength, taken, ranges) => {
  expect(free(space, prefixLength, taken)).toEqual(ranges);
});

it('finds what trying every range finds', () => {
  const random = seededRandom(3);
  const pick = (count: number) => Math.floor(random() * count);
  for (let round = 0; round < 300; round++) {
    const taken = Array.from({ length: pick(12) }, () => {
      const length = 23 + pick(10);
      return `${ipFromNumber(0x0a000000n + BigInt(pick(256) & (-1 << (32 - length))), 4)}/${length}` as Cidr;
    }).filter((cidr) => parseCidr(cidr).ok);
    const length = 24 + pick(9);
    const size = cidrSize(`10.0.0.0/${length}` as Cidr);
    const tried: Cidr[] = [];
    for (let n = 0x0a000000n; n < 0x0a000100n; n += size) {
      const cidr = `${ipFromNumber(n, 4) as Ip}/${length}` as Cidr;
      if (!taken.some((each) => cidrsOverlap(each, cidr))) tried.push(cidr);
    }
    expect([taken, free('10.0.0.0/24', length, taken, 999)]).toEqual([taken, tried]);
  }
});

it('is quick in the widest space', () => {
  const taken = Array.from({ length: 5000 }, (_, i) => `fd00::${i.toString(16)}:0/112`);
  expect(free('::/0', 128, [...taken, '::/9', '80::/9'], 1)).toEqual(['100::/128']);
  expect(free('fd00::/64', 112, taken, 1)).toEqual(['fd00::1388:0/112']);
});
