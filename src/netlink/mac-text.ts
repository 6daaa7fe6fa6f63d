import { unencodable } from './netlink-error.ts';

/** Value of the hexadecimal digit with this character code, or -1. */
export function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48; // 0-9
  if (code >= 97 && code <= 102) return code - 87; // a-f
  if (code >= 65 && code <= 70) return code - 55; // A-F
  return -1;
}

/** Character codes of the digits. */
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const COLON = 58;

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
  const high = (i: number) => HEX[bytes[at + i]! >> 4]!;
  const low = (i: number) => HEX[bytes[at + i]! & 15]!;
  // Made in one piece: pieces joined would stay behind as garbage, ten for each of a hundred thousand rows.
  // biome-ignore format: one byte a line
  return String.fromCharCode(
    high(0), low(0), COLON,
    high(1), low(1), COLON,
    high(2), low(2), COLON,
    high(3), low(3), COLON,
    high(4), low(4), COLON,
    high(5), low(5),
  );
}
