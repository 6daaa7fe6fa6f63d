import { expect, test } from 'vitest';
import { createId } from './id.ts';
import { idFromWords, idToWords } from './id-words.ts';

test.each([
  '00000000000000000000000000',
  '7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  '01ARYZ6S410123456789ABCDEF',
  createId(1_700_000_000_000, (count) => Uint8Array.from({ length: count }, (_, i) => 255 - i * 23)),
])('%s is four words', (id) => {
  const words = new Uint32Array(6).fill(7);
  expect(idToWords(id, words, 1)).toBe(true);
  expect(idFromWords(words, 1)).toBe(id);
  expect([words[0], words[5]]).toEqual([7, 7]);
});

test.each([
  '',
  '80000000000000000000000000',
  '0000000000000000000000000',
  '000000000000000000000000000',
  '0000000000000000000000000I',
  '0000000000000a000000000000',
  '0€000000000000000000000000',
])('"%s" is no id', (text) => {
  expect(idToWords(text, new Uint32Array(4), 0)).toBe(false);
});
