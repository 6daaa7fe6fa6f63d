import { type Cidr, cidrOf, cidrsOverlap } from '#model/cidr.ts';
import { RELAY_RANGES } from '#model/gateway.ts';
import { FAMILY_BITS, familyOf, type Ip } from '#model/ip.ts';

/** What can be neither a container's nor a tunnel end's address (IANA special-purpose registries, and our own). */
const SPECIAL_RANGES: readonly { readonly cidr: Cidr; readonly use: string }[] = [
  { cidr: '0.0.0.0/8' as Cidr, use: 'unspecified addresses' },
  { cidr: '127.0.0.0/8' as Cidr, use: 'loopback' },
  { cidr: '169.254.0.0/16' as Cidr, use: 'link-local' },
  { cidr: '224.0.0.0/4' as Cidr, use: 'multicast' },
  { cidr: '255.255.255.255/32' as Cidr, use: 'broadcast' },
  { cidr: '::/128' as Cidr, use: 'the unspecified address' },
  { cidr: '::1/128' as Cidr, use: 'loopback' },
  { cidr: '::ffff:0:0/96' as Cidr, use: 'IPv4-mapped, never on a wire' },
  { cidr: 'fe80::/10' as Cidr, use: 'link-local' },
  { cidr: 'ff00::/8' as Cidr, use: 'multicast' },
  ...Object.values(RELAY_RANGES).map((cidr) => ({ cidr, use: 'Weft’s own, for the ways out of networks' })),
];

/** `overlaps 127.0.0.0/8 (loopback)`, or undefined for an ordinary subnet. */
export function specialOverlap(cidr: Cidr): string | undefined {
  const special = SPECIAL_RANGES.find((each) => cidrsOverlap(each.cidr, cidr));
  return special && `overlaps ${special.cidr} (${special.use})`;
}

/** `is in 127.0.0.0/8 (loopback)`, or undefined for an ordinary address. */
export function specialMembership(ip: Ip): string | undefined {
  return specialOverlap(cidrOf(ip, FAMILY_BITS[familyOf(ip)]))?.replace('overlaps', 'is in');
}
