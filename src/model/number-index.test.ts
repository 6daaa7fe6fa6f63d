import { expect, test } from 'vitest';
import { NumberIndex } from './number-index.ts';

/** A few keys for many numbers, and fewer hashes: everything collides. */
const keyOf = (number: number): number => number % 50;
const index = () => new NumberIndex({ hash: (n) => keyOf(n) % 7, equal: (a, b) => keyOf(a) === keyOf(b) });

const KEYS = Array.from({ length: 50 }, (_, i) => i + 1);

test('has of each key the number that was set last among those that are not deleted', () => {
  const ours = index();
  /** By key, in the order in which they were set. */
  const expected = new Map<number, number[]>(KEYS.map((key) => [keyOf(key), []]));
  let state = 1;
  const below = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % limit;
  };
  for (let i = 0; i < 2000; i++) {
    const number = 1 + below(400);
    const others = expected.get(keyOf(number))!.filter((other) => other !== number);
    const isSet = below(2) === 0;
    if (isSet) ours.set(number);
    else ours.delete(number);
    expected.set(keyOf(number), isSet ? [...others, number] : others);
    const wrong = KEYS.filter((key) => ours.find(key) !== (expected.get(keyOf(key))!.at(-1) ?? 0));
    expect(wrong).toEqual([]);
  }
});
