import { describe, expect, it } from 'vitest';
import {
  addressAt,
  addressesIn,
  type Cidr,
  cidrContains,
  cidrFamily,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  interfaceAddress,
  ipOf,
  offsetIn,
  parseCidr,
  parseInterfaceAddress,
  prefixLengthOf,
} from './cidr.ts';
import type { Ip } from './ip.ts';

describe('parseCidr', () => {
  it.each([
    ['10.1.0.0/24', '10.1.0.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.1.0.5/32', '10.1.0.5/32'],
    ['FD00:1:0::/64', 'fd00:1::/64'],
    ['::/0', '::/0'],
  ])('reads %s as %s', (text, canonical) => {
    expect(parseCidr(text)).toEqual({ ok: true, value: canonical });
  });

  it.each([
    ['10.1.0.5/24', 'has bits set to the right of its prefix', 'write 10.1.0.0/24'],
    ['fd00:1::1/64', 'has bits set to the right of its prefix', 'write fd00:1::/64'],
    ['10.1.0.0', 'has no prefix length', 'add one, such as 10.1.0.0/24'],
    ['fd00::', 'has no prefix length', 'add one, such as fd00::/64'],
    ['10.1.0.0/33', 'has no prefix length from 0 to 32', 'write it like 10.1.0.0/24'],
    ['fd00::/129', 'has no prefix length from 0 to 128', 'write it like fd00::/64'],
    ['10.1.0.0/', 'has no prefix length from 0 to 32', 'write it like 10.1.0.0/24'],
    ['10.1.0.0/-1', 'has no prefix length from 0 to 32', 'write it like 10.1.0.0/24'],
    ['10.1.0.0/024', 'has no prefix length from 0 to 32', 'write it like 10.1.0.0/24'],
    ['10.1.0.0/2 ', 'has no prefix length from 0 to 32', 'write it like 10.1.0.0/24'],
    ['10.1.0.0/24/8', 'has no prefix length from 0 to 32', 'write it like 10.1.0.0/24'],
    ['10.1.0.0/255.255.255.0', 'has no prefix length from 0 to 32', 'write it like 10.1.0.0/24'],
    ['10.1.0/24', 'is not a subnet', 'write it like 10.1.0.0/24 or fd00:1::/64'],
    ['banana', 'is not a subnet', 'write it like 10.1.0.0/24 or fd00:1::/64'],
    ['/24', 'is not a subnet', 'write it like 10.1.0.0/24 or fd00:1::/64'],
    ['', 'is not a subnet', 'write it like 10.1.0.0/24 or fd00:1::/64'],
  ])('refuses %j: %s', (text, problem, fix) => {
    expect(parseCidr(text)).toEqual({ ok: false, problem, fix });
  });
});

it('an interface address keeps its host bits', () => {
  expect(parseInterfaceAddress('10.1.0.5/24')).toEqual({ ok: true, value: '10.1.0.5/24' });
  expect(parseInterfaceAddress('10.1.0.5')).toMatchObject({ ok: false });
  expect(interfaceAddress('10.1.0.5' as Ip, 24)).toBe('10.1.0.5/24');
});

it.each([
  ['10.1.0.0/24', 4, '10.1.0.0', 24, 256n, '10.1.0.255'],
  ['0.0.0.0/0', 4, '0.0.0.0', 0, 2n ** 32n, '255.255.255.255'],
  ['10.1.0.5/32', 4, '10.1.0.5', 32, 1n, '10.1.0.5'],
  ['fd00:1::/64', 6, 'fd00:1::', 64, 2n ** 64n, 'fd00:1::ffff:ffff:ffff:ffff'],
  ['::/0', 6, '::', 0, 2n ** 128n, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
] as const)('the parts of %s', (text, family, first, prefixLength, size, last) => {
  const cidr = text as Cidr;
  expect(cidrFamily(cidr)).toBe(family);
  expect(ipOf(cidr)).toBe(first);
  expect(prefixLengthOf(cidr)).toBe(prefixLength);
  expect(cidrSize(cidr)).toBe(size);
  expect(addressAt(cidr, size - 1n)).toBe(last);
  expect(offsetIn(cidr, last as Ip)).toBe(size - 1n);
  expect(cidrOf(last as Ip, prefixLength)).toBe(cidr);
});

it.each([
  ['10.1.0.0/24', '10.1.0.0', true],
  ['10.1.0.0/24', '10.1.0.255', true],
  ['10.1.0.0/24', '10.1.1.0', false],
  ['10.1.0.0/24', '10.0.255.255', false],
  ['10.1.0.0/24', 'fd00::1', false],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['0.0.0.0/0', '::', false],
  ['fd00:1::/64', 'fd00:1::ffff:ffff:ffff:ffff', true],
  ['fd00:1::/64', 'fd00:1:0:1::', false],
  ['::/0', '10.1.0.5', false],
])('%s contains %s: %s', (cidr, ip, contains) => {
  expect(cidrContains(cidr as Cidr, ip as Ip)).toBe(contains);
});

it.each([
  ['10.1.0.0/24', '10.1.0.0/24', true],
  ['10.1.0.0/24', '10.1.0.128/25', true],
  ['10.0.0.0/8', '10.1.0.0/24', true],
  ['10.1.0.0/24', '10.1.1.0/24', false],
  ['0.0.0.0/0', '10.1.0.0/24', true],
  ['0.0.0.0/0', 'fd00::/64', false],
  ['::/0', 'fd00::/64', true],
  ['fd00:1::/64', 'fd00:1:0:1::/64', false],
])('%s and %s overlap: %s', (a, b, overlap) => {
  expect(cidrsOverlap(a as Cidr, b as Cidr)).toBe(overlap);
  expect(cidrsOverlap(b as Cidr, a as Cidr)).toBe(overlap);
});

it.each([
  '10.1.0.0/28',
  '10.1.2.250/31',
  '10.1.252.0/22',
  'fd00::1:fff0/124',
  'fd00::/118',
  'fd00:0:1::/120',
  'fd00::4/126',
])('the addresses in %s are those at its offsets, in either order', (text) => {
  const cidr = text as Cidr;
  const all = Array.from({ length: Number(cidrSize(cidr)) }, (_, i) => addressAt(cidr, BigInt(i)));
  expect([...addressesIn(cidr)]).toEqual(all);
  expect([...addressesIn(cidr, 'highest')]).toEqual(all.reverse());
});
