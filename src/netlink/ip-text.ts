import { hexDigit } from './mac-text.ts';
import { unencodable } from './netlink-error.ts';

/** AF_INET, AF_INET6: bits/socket.h. */
export const AF_INET = 2;
export const AF_INET6 = 10;

const DOT = 46;
const COLON = 58;

/** The family that an address's text belongs to. Does not check the text any further. */
export function familyOf(text: string): typeof AF_INET | typeof AF_INET6 {
  return text.includes(':') ? AF_INET6 : AF_INET;
}

/**
 * Writes an address as 4 or 16 bytes at `at` and returns how many.
 * Throws NetlinkError EINVAL for text that is no address (leading zeros and zones included).
 */
export function writeIp(text: string, into: Uint8Array, at: number): 4 | 16 {
  if (familyOf(text) === AF_INET) {
    if (writeDotted(text, 0, into, at)) return 4;
  } else if (writeColons(text, into, at)) return 16;
  throw unencodable(`"${text}" is not an IP address`);
}

/** 4 bytes or 16 as canonical text: dotted, or RFC 5952 in pure hexadecimal ("fd00::1", "::ffff:a00:1"). */
export function readIp(bytes: Uint8Array, start: number, end: number): string {
  return end - start === 4 ? readDotted(bytes, start) : readColons(bytes, start);
}

function writeDotted(text: string, from: number, into: Uint8Array, at: number): boolean {
  let value = -1;
  let byte = 0;
  for (let i = from; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (value < 0 || byte > 3) return false;
      into[at + byte++] = value;
      value = -1;
    } else if (code >= 48 && code <= 57) {
      if (value === 0) return false; // "010" would be octal elsewhere
      value = (value < 0 ? 0 : value * 10) + code - 48;
      if (value > 255) return false;
    } else return false;
  }
  return byte === 4;
}

function writeColons(text: string, into: Uint8Array, at: number): boolean {
  const groups: number[] = [];
  let gap = -1;
  let i = 0;
  if (text.startsWith('::')) {
    gap = 0;
    i = 2;
  }
  while (i < text.length) {
    const start = i;
    let value = 0;
    for (; i < text.length && i - start < 5; i++) {
      const digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      value = (value << 4) | digit;
    }
    if (text.charCodeAt(i) === DOT) {
      const tail = new Uint8Array(4);
      if (groups.length > 6 || !writeDotted(text, start, tail, 0)) return false;
      groups.push((tail[0]! << 8) | tail[1]!, (tail[2]! << 8) | tail[3]!);
      break;
    }
    if (i === start || i - start > 4) return false;
    groups.push(value);
    if (i === text.length) break;
    if (text.charCodeAt(i++) !== COLON || i === text.length) return false;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = groups.length;
      i++;
    }
  }
  const missing = 8 - groups.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return false;
  for (let group = 0; group < 8; group++) {
    const value =
      gap < 0 || group < gap ? groups[group]! : group < gap + missing ? 0 : groups[group - missing]!;
    into[at + group * 2] = value >> 8;
    into[at + group * 2 + 1] = value & 0xff;
  }
  return true;
}

function readDotted(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function readColons(bytes: Uint8Array, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[at + i]! << 8) | bytes[at + i + 1]!);
  const [start, length] = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** RFC 5952: the longest run of zero groups is shortened, the first one if two are equally long. */
function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best[1]) best = [start, length];
  }
  return best;
}
