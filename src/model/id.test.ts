import { expect, it } from 'vitest';
import { createId, isId, parseId } from './id.ts';

const zeros = (count: number) => new Uint8Array(count);
const ones = (count: number) => new Uint8Array(count).fill(0xff);

it('writes 48 bits of time and 80 of chance', () => {
  // The example of github.com/ulid/spec: time 1469918176385 is 01ARYZ6S41.
  expect(createId(1_469_918_176_385, zeros)).toBe('01ARYZ6S410000000000000000');
  expect(createId(0, zeros)).toBe('0'.repeat(26));
  expect(createId(2 ** 48 - 1, ones)).toBe(`7${'Z'.repeat(25)}`);
  expect(createId(0, () => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 32))).toBe(`${'0'.repeat(24)}10`);
});

it('gives the same for the same time and chance, and sorts by birth', () => {
  expect(createId(1.9, ones)).toBe(createId(1, ones));
  const born = [1, 2, 31, 32, 1_000, 1_700_000_000_000].map((now) => createId(now, ones));
  expect([...born].sort()).toEqual(born);
});

it.each([
  '',
  '01ARYZ6S41',
  '01ARYZ6S41000000000000000U',
  '01aryz6s410000000000000000',
  '81ARYZ6S410000000000000000',
  '01ARYZ6S4100000000000000000',
  '01ARYZ6S410000000000000000\n',
])('%j is no id', (text) => {
  expect(isId(text)).toBe(false);
  expect(parseId(text)).toMatchObject({ ok: false, problem: 'is not an id' });
});
