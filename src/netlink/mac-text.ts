import { unencodable } from './netlink-error.ts';

/** Value of the hexadecimal digit with this character code, or -1. */
export function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48; // 0-9
  if (code >= 97 && code <= 102) return code - 87; // a-f
  if (code >= 65 && code <= 70) return code - 55; // A-F
  return -1;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Writes "02:42:0a:00:00:02" as six bytes at `at`. Throws NetlinkError EINVAL for other text. */
export function writeMac(text: string, into: Uint8Array, at: number): void {
  if (text.length !== 17) throw unencodable(`"${text}" is not a MAC address`);
  for (let byte = 0; byte < 6; byte++) {
    const high = hexDigit(text.charCodeAt(byte * 3));
    const low = hexDigit(text.charCodeAt(byte * 3 + 1));
    if (high < 0 || low < 0 || (byte < 5 && text.charCodeAt(byte * 3 + 2) !== 58)) {
      throw unencodable(`"${text}" is not a MAC address`);
    }
    into[at + byte] = (high << 4) | low;
  }
}

/** The six bytes at `at` as "02:42:0a:00:00:02", always lower case. */
export function readMac(bytes: Uint8Array, at: number): string {
  const hex = (i: number) => HEX[bytes[at + i]!];
  return `${hex(0)}:${hex(1)}:${hex(2)}:${hex(3)}:${hex(4)}:${hex(5)}`;
}
