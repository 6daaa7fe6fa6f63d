import { type Parsed, parsed, unparsed } from './parsed.ts';

/** A ULID: 26 characters of Crockford base32, 48 bits of time and 80 of chance. Opaque; sorts by birth. */
export type Id = string & { readonly brand: 'Id' };

/** Where chance comes from: gives that many bytes. Handed in, so that a run can be replayed from its seed. */
export type Entropy = (byteCount: number) => Uint8Array;

/** Crockford's base32. */
export const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

function base32(value: bigint, length: number): string {
  let text = '';
  for (let rest = value, i = 0; i < length; i++, rest >>= 5n) text = ALPHABET[Number(rest & 31n)] + text;
  return text;
}

/** A new id from a wall-clock time in milliseconds and ten bytes of chance (github.com/ulid/spec). */
export function createId(nowMs: number, entropy: Entropy): Id {
  let chance = 0n;
  for (const byte of entropy(10)) chance = (chance << 8n) | BigInt(byte);
  return (base32(BigInt(Math.floor(nowMs)), 10) + base32(chance, 16)) as Id;
}

export const isId = (text: string): text is Id => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);

export const parseId = (text: string): Parsed<Id> =>
  isId(text) ? parsed(text) : unparsed('is not an id', 'give the 26-character id that `--json` shows');
