import { ALPHABET, type Id } from './id.ts';

/*
 * An id is 128 bits. Its first two characters have 3 and 5 of them, and lend each of four words its highest two; the
 * other 24 have five each, six to a word.
 */
const LENGTH = 26;
const HEAD = 2;
const PER_WORD = 6;

const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** Negative for what is no digit. */
const valueAt = (text: string, at: number): number => VALUES[text.charCodeAt(at)] ?? -1;

/** False, and the words are of no use, when the text is no id. */
export function idToWords(text: string, words: Uint32Array, at: number): boolean {
  if (text.length !== LENGTH) return false;
  const head = (valueAt(text, 0) << 5) | valueAt(text, 1);
  let wrong = head >>> 8;
  for (let word = 0; word < 4; word++) {
    let value = (head >>> (6 - 2 * word)) & 3;
    for (let i = HEAD + word * PER_WORD; i < HEAD + (word + 1) * PER_WORD; i++) {
      const digit = valueAt(text, i);
      wrong |= digit >>> 5;
      value = (value << 5) | digit;
    }
    words[at + word] = value;
  }
  return wrong === 0;
}

const PAIRS = Array.from({ length: 1024 }, (_, i) => ALPHABET[i >>> 5]! + ALPHABET[i & 31]!);

export function idFromWords(words: Uint32Array, at: number): Id {
  let head = 0;
  let tail = '';
  for (let word = at; word < at + 4; word++) {
    const value = words[word]!;
    head = (head << 2) | (value >>> 30);
    tail += PAIRS[(value >>> 20) & 1023]! + PAIRS[(value >>> 10) & 1023]! + PAIRS[value & 1023]!;
  }
  return (PAIRS[head]! + tail) as Id;
}
