import { FAMILY_BITS, type Family, familyOf, type Ip, ipFromNumber, ipToNumber, parseIp } from './ip.ts';
import { type Parsed, parsed, unparsed } from './parsed.ts';

/** A subnet in canonical text, host bits zero: `10.1.0.0/24`, `fd00:1::/64`. */
export type Cidr = string & { readonly brand: 'Cidr' };
/** An interface's address with its prefix length: `10.1.0.5/24`. */
export type InterfaceAddress = string & { readonly brand: 'InterfaceAddress' };

export function parseCidr(text: string): Parsed<Cidr> {
  const split = splitPrefix(text);
  if (!split.ok) return split;
  const { ip, prefixLength } = split.value;
  const cidr = cidrOf(ip, prefixLength);
  return cidr === `${ip}/${prefixLength}`
    ? parsed(cidr)
    : unparsed('has bits set to the right of its prefix', `write ${cidr}`);
}

export function parseInterfaceAddress(text: string): Parsed<InterfaceAddress> {
  const split = splitPrefix(text);
  return split.ok ? parsed(interfaceAddress(split.value.ip, split.value.prefixLength)) : split;
}

function splitPrefix(text: string): Parsed<{ ip: Ip; prefixLength: number }> {
  const slash = text.indexOf('/');
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (!ip.ok) return unparsed('is not a subnet', 'write it like 10.1.0.0/24 or fd00:1::/64');
  const bits = FAMILY_BITS[familyOf(ip.value)];
  if (slash < 0) return unparsed('has no prefix length', `add one, such as ${text}/${bits === 32 ? 24 : 64}`);
  const prefixText = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText) || Number(prefixText) > bits)
    return unparsed(
      `has no prefix length from 0 to ${bits}`,
      `write it like ${ip.value}/${bits === 32 ? 24 : 64}`,
    );
  return parsed({ ip: ip.value, prefixLength: Number(prefixText) });
}

export const interfaceAddress = (ip: Ip, prefixLength: number): InterfaceAddress =>
  `${ip}/${prefixLength}` as InterfaceAddress;

/** The subnet of that length around an address. */
export function cidrOf(ip: Ip, prefixLength: number): Cidr {
  const family = familyOf(ip);
  const hostBits = BigInt(FAMILY_BITS[family] - prefixLength);
  return `${ipFromNumber((ipToNumber(ip) >> hostBits) << hostBits, family)}/${prefixLength}` as Cidr;
}

export const prefixLengthOf = (cidr: Cidr | InterfaceAddress): number =>
  Number(cidr.slice(cidr.indexOf('/') + 1));
/** The part before the slash: of a Cidr its first address, of an InterfaceAddress the address itself. */
export const ipOf = (cidr: Cidr | InterfaceAddress): Ip => cidr.slice(0, cidr.indexOf('/')) as Ip;
export const cidrFamily = (cidr: Cidr | InterfaceAddress): Family => familyOf(cidr);

/** Number of addresses, network and broadcast address included. */
export const cidrSize = (cidr: Cidr): bigint =>
  1n << BigInt(FAMILY_BITS[cidrFamily(cidr)] - prefixLengthOf(cidr));

/** The address at that offset from the first; the offset must be below {@link cidrSize}. */
export const addressAt = (cidr: Cidr, offset: bigint): Ip =>
  ipFromNumber(ipToNumber(ipOf(cidr)) + offset, cidrFamily(cidr));

/** How many low bits of an address its last written group has, and to what base it is written. */
const LAST_GROUP = { 4: { bits: 8n, radix: 10 }, 6: { bits: 16n, radix: 16 } } as const;

/** All addresses of a subnet in that order, each made when asked for; in a group of text only its end is new. */
export function* addressesIn(cidr: Cidr, order: 'lowest' | 'highest' = 'lowest'): Generator<Ip> {
  const family = cidrFamily(cidr);
  const { bits, radix } = LAST_GROUP[family];
  const first = ipToNumber(ipOf(cidr));
  const last = first + cidrSize(cidr) - 1n;
  const step = order === 'lowest' ? 1 : -1;
  for (let at = order === 'lowest' ? first : last; at >= first && at <= last; ) {
    const base = (at >> bits) << bits;
    const end = base + (1n << bits) - 1n;
    const low = first > base ? Number(first - base) : 0;
    const high = Number((last < end ? last : end) - base);
    // However the zeros before it are written, they are for every last group but 0.
    const stem = ipFromNumber(base + 1n, family).slice(0, -1);
    for (let n = Number(at - base); n >= low && n <= high; n += step)
      yield n === 0 ? ipFromNumber(base, family) : ((stem + n.toString(radix)) as Ip);
    at = order === 'lowest' ? end + 1n : base - 1n;
  }
}

/** The offset of an address from the subnet's first; negative or too large when it is outside. */
export const offsetIn = (cidr: Cidr, ip: Ip): bigint => ipToNumber(ip) - ipToNumber(ipOf(cidr));

export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  if (familyOf(ip) !== cidrFamily(cidr)) return false;
  const offset = offsetIn(cidr, ip);
  return offset >= 0n && offset < cidrSize(cidr);
}

export const cidrsOverlap = (a: Cidr, b: Cidr): boolean =>
  cidrContains(a, ipOf(b)) || cidrContains(b, ipOf(a));
