import { addressAt, addressesIn, type Cidr, cidrContains, cidrFamily, cidrSize, ipOf } from '#model/cidr.ts';
import { FAMILY_BITS, type Ip } from '#model/ip.ts';
import type { Subnet } from '#model/records.ts';

/** Fewer addresses leave nothing for endpoints beside the reserved ones: /30 and /126 are the smallest subnets. */
const FEWEST_ADDRESSES = 4n;

/** Why a subnet cannot hold endpoints, or undefined. */
export function tooSmall(cidr: Cidr): string | undefined {
  const size = cidrSize(cidr);
  if (size >= FEWEST_ADDRESSES) return undefined;
  const reserved = cidrFamily(cidr) === 4 ? 'network, broadcast and gateway' : 'router-anycast and gateway';
  return `has ${size} address${size === 1n ? '' : 'es'}, which leaves none beside the ${reserved} address`;
}
export const smallestPrefixLength = (cidr: Cidr): number => FAMILY_BITS[cidrFamily(cidr)] - 2;

/** The automatic gateway: the first address that means nothing else. */
export const firstUsable = (cidr: Cidr): Ip => addressAt(cidr, 1n);

/** Addresses of a subnet that mean something else than one interface, and what. */
export function reservedAddresses(cidr: Cidr): ReadonlyMap<Ip, string> {
  return cidrFamily(cidr) === 4
    ? new Map([
        [ipOf(cidr), 'is the network address'],
        [addressAt(cidr, cidrSize(cidr) - 1n), 'is the broadcast address'],
      ])
    : new Map([[ipOf(cidr), 'is the subnet-router anycast address (RFC 4291, 2.6.1)']]);
}

/** Why an endpoint may not have that address, whoever has it now; undefined when it may. */
export function unusable({ cidr, gateway }: Subnet, ip: Ip): string | undefined {
  if (!cidrContains(cidr, ip)) return `is outside the network's subnet ${cidr}`;
  return ip === gateway ? "is the network's gateway" : reservedAddresses(cidr).get(ip);
}

/** How many endpoints a subnet can hold. */
export const usableCount = ({ cidr }: Subnet): bigint =>
  cidrSize(cidr) - BigInt(reservedAddresses(cidr).size + 1);

/**
 * The first address of a range within the subnet that an endpoint may have and nobody has, or undefined. Looks at
 * those before it, and at no others: O(taken), however large the range.
 */
export function findFreeAddress(
  subnet: Subnet,
  range: Cidr,
  isTaken: (ip: Ip) => boolean,
  order: 'lowest' | 'highest' = 'lowest',
): Ip | undefined {
  for (const ip of usableIn(subnet, range, order)) if (!isTaken(ip)) return ip;
  return undefined;
}

/** Addresses of a range within the subnet that an endpoint may have. */
export function* usableIn(
  { cidr, gateway }: Subnet,
  range: Cidr,
  order: 'lowest' | 'highest' = 'lowest',
): Generator<Ip> {
  const reserved = reservedAddresses(cidr);
  for (const ip of addressesIn(range, order)) if (ip !== gateway && !reserved.has(ip)) yield ip;
}
