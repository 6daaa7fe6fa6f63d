import { concat, hex, u16 } from './bytes.ts';

/** Addresses are canonical lower-case text everywhere outside the frame, so that two of them compare with `===`. */

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';
export const ZERO_MAC = '00:00:00:00:00:00';

/** Six bytes at `at` → `02:00:0a:01:00:02`. */
export function formatMac(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => hex(byte, 2)).join(':');
}

/** Four bytes at `at` → `10.1.0.2`. */
export function formatIpv4(bytes: Uint8Array, at: number): string {
  return bytes.subarray(at, at + 4).join('.');
}

/** Sixteen bytes at `at` → RFC 5952 text: `fd01::3`. Always hexadecimal groups, as the model writes them. */
export function formatIpv6(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => u16(bytes, at + 2 * index));
  const text = (some: number[]) => some.map((group) => group.toString(16)).join(':');
  const zeros = longestZeroRun(groups);
  if (zeros.length < 2) return text(groups); // RFC 5952 4.2.2: a single zero group is not shortened
  return `${text(groups.slice(0, zeros.at))}::${text(groups.slice(zeros.at + zeros.length))}`;
}

/** The first of the longest runs (RFC 5952 4.2.3). */
function longestZeroRun(groups: number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { at: index - length + 1, length };
  });
  return best;
}

/** Six bytes of `02:00:0a:01:00:02`, either case. Throws RangeError on anything else: callers hold checked addresses. */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new RangeError(`not a MAC address: ${text}`);
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** Four or sixteen bytes, by family. Throws RangeError on anything that is not one whole address. */
export function parseIp(text: string): Uint8Array {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array {
  const parts = text.split('.');
  const good =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  if (!good) throw new RangeError(`not an IPv4 address: ${text}`);
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array {
  const sides = text
    .split('::')
    .map((side) => (side === '' ? [] : side.split(':')).map((part) => parseGroup(part, text)));
  const [left, right] = sides.map((parts) => concat(...parts));
  const missing = 16 - left!.length - (right?.length ?? 0);
  const good = right === undefined ? missing === 0 : sides.length === 2 && missing >= 2;
  if (!good) throw new RangeError(`not an IPv6 address: ${text}`);
  return concat(left!, new Uint8Array(missing), right ?? new Uint8Array());
}

function parseGroup(part: string, text: string): Uint8Array {
  if (part.includes('.') && text.endsWith(part)) return parseIpv4(part);
  if (!/^[0-9a-f]{1,4}$/i.test(part)) throw new RangeError(`not an IPv6 address: ${text}`);
  const group = Number.parseInt(part, 16);
  return Uint8Array.of(group >> 8, group);
}
