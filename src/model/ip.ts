import { type Parsed, parsed, unparsed } from './parsed.ts';

/** An IPv4 or IPv6 address in canonical text (dotted quad, RFC 5952), so that equal addresses are equal strings. */
export type Ip = string & { readonly brand: 'Ip' };
export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];
/** Address length in bits. */
export const FAMILY_BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** IPV6_MIN_MTU (linux/ipv6.h, RFC 8200, 5): below it the kernel takes IPv6 off an interface. */
export const MIN_IPV6_MTU = 1280;

export const familyOf = (ip: string): Family => (ip.includes(':') ? 6 : 4);

export function parseIp(text: string): Parsed<Ip> {
  const ip = text.includes(':') ? canonicalIpv6(text) : readIpv4(text) === undefined ? undefined : text;
  return ip === undefined
    ? unparsed('is not an IP address', 'write it like 10.1.0.5 or fd00::5')
    : parsed(ip as Ip);
}

/** Strict, and so canonical: no leading zeros ("010" is 8 to some readers and 10 to others, CVE-2021-29923). */
function readIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let value = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i]!;
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

function canonicalIpv6(text: string): string | undefined {
  const groups = readIpv6(text);
  return groups && formatIpv6(groups);
}

/** The eight groups of 16 bits. */
function readIpv6(text: string): number[] | undefined {
  if (text.length > 45) return undefined;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let plain = text;
  if (dotted) {
    const tail = readIpv4(dotted[2]!);
    if (tail === undefined) return undefined;
    plain = `${dotted[1]}${(tail >>> 16).toString(16)}:${(tail & 0xffff).toString(16)}`;
  }
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const groupsOf = (half: string) => (half === '' ? [] : half.split(':'));
  const head = groupsOf(halves[0]!);
  const tail = halves.length === 2 ? groupsOf(halves[1]!) : [];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  for (const group of [head, tail].flat()) if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
  const number = (group: string) => Number.parseInt(group, 16);
  return [...head.map(number), ...new Array<number>(missing).fill(0), ...tail.map(number)];
}

/** The address as a number; the text must be canonical (an {@link Ip}). */
export function ipToNumber(ip: Ip): bigint {
  if (familyOf(ip) === 4) return BigInt(readIpv4(ip)!);
  return readIpv6(ip)!.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

export function ipFromNumber(value: bigint, family: Family): Ip {
  if (family === 4) return formatIpv4(Number(value));
  return formatIpv6(Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn)));
}

/** Four bytes as one number. */
export const formatIpv4 = (n: number): Ip =>
  `${(n >>> 24) & 255}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}` as Ip;

/** Eight groups of 16 bits. */
export function formatIpv6(groups: readonly number[]): Ip {
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return hexGroups(groups, 0, 8) as Ip;
  return `${hexGroups(groups, 0, start)}::${hexGroups(groups, start + length, 8)}` as Ip;
}

function hexGroups(groups: readonly number[], from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += i > from ? `:${groups[i]!.toString(16)}` : groups[i]!.toString(16);
  return text;
}

/** RFC 5952, 4.2: the longest run of zero groups is shortened, the first among equals. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let [start, length] = [0, 0];
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    if (end > i) i = end;
  }
  return { start, length };
}
