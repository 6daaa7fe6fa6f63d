import { formatIpv4, formatIpv6, type Ip } from './ip.ts';
import type { Mac } from './mac.ts';

/**
 * Addresses as 32-bit words, for tables that are too long for an object and a key each. The text must be canonical (an
 * {@link Ip}, a {@link Mac}): nothing is checked here.
 */

const COLON = 58;
const DOT = 46;
const [DIGIT_ZERO, DIGIT_NINE, LETTER_A] = [48, 57, 97];

const hexValue = (code: number): number => (code <= DIGIT_NINE ? code - DIGIT_ZERO : code - LETTER_A + 10);

/** How an IP stands in its four words. */
export const NO_IP = 0;
export const IPV4 = 1;
export const IPV6 = 2;

/** `02:00:00:00:00:05` → 0x0200, 0x00000005. */
export function macToWords(mac: Mac, words: Uint32Array, at: number): void {
  const byte = (i: number) => (hexValue(mac.charCodeAt(i * 3)) << 4) | hexValue(mac.charCodeAt(i * 3 + 1));
  words[at] = (byte(0) << 8) | byte(1);
  words[at + 1] = (byte(2) << 24) | (byte(3) << 16) | (byte(4) << 8) | byte(5);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function macFromWords(words: Uint32Array, at: number): Mac {
  const [high, low] = [words[at]!, words[at + 1]!];
  return `${HEX[high >>> 8]}:${HEX[high & 255]}:${HEX[low >>> 24]}:${HEX[(low >>> 16) & 255]}:${HEX[(low >>> 8) & 255]}:${HEX[low & 255]}` as Mac;
}

/** Fills all four words, an IPv4 address in the first; gives how it stands in them. */
export function ipToWords(ip: Ip | undefined, words: Uint32Array, at: number): number {
  for (let i = 0; i < 4; i++) words[at + i] = 0;
  if (ip === undefined) return NO_IP;
  if (ip.indexOf(':') < 0) {
    words[at] = readIpv4(ip);
    return IPV4;
  }
  readIpv6(ip, words, at);
  return IPV6;
}

function readIpv4(ip: string): number {
  let value = 0;
  let part = 0;
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code === DOT) {
      value = (value << 8) | part;
      part = 0;
    } else part = part * 10 + code - DIGIT_ZERO;
  }
  return (value << 8) | part;
}

const groups = new Uint16Array(8);

function readIpv6(ip: string, words: Uint32Array, at: number): void {
  let count = 0;
  let gap = 8;
  let group = 0;
  let digits = 0;
  for (let i = 0; i <= ip.length; i++) {
    const code = i < ip.length ? ip.charCodeAt(i) : COLON;
    if (code !== COLON) {
      group = (group << 4) | hexValue(code);
      digits++;
      continue;
    }
    // No digits between two colons, or at an end: the run of zeros is here.
    if (digits > 0) groups[count++] = group;
    else if (gap === 8) gap = count;
    group = 0;
    digits = 0;
  }
  for (let i = 0; i < count; i++) {
    const place = i < gap ? i : i + 8 - count;
    words[at + (place >> 1)]! |= groups[i]! << (place & 1 ? 0 : 16);
  }
}

const numbers: number[] = new Array(8).fill(0);

export function ipFromWords(form: number, words: Uint32Array, at: number): Ip | undefined {
  if (form === NO_IP) return undefined;
  if (form === IPV4) return formatIpv4(words[at]!);
  for (let i = 0; i < 8; i++) numbers[i] = (words[at + (i >> 1)]! >>> (i & 1 ? 0 : 16)) & 0xffff;
  return formatIpv6(numbers);
}

/** In network byte order. */
export function addressBytes(address: Ip): Uint8Array {
  const words = new Uint32Array(4);
  const view = new DataView(new ArrayBuffer(ipToWords(address, words, 0) === IPV4 ? 4 : 16));
  for (let at = 0; at < view.byteLength; at += 4) view.setUint32(at, words[at / 4]!);
  return new Uint8Array(view.buffer);
}
