import { expect, test } from 'vitest';
import type { Id } from './id.ts';
import { type Life, sharedUpTo } from './life.ts';

const lives = (...told: readonly [id: string, from: number][]): Life[] =>
  told.map(([id, from]) => ({ id: id as Id, from }));

test.each([
  ['the same', lives(['a', 0], ['b', 5]), lives(['a', 0], ['b', 5]), Number.POSITIVE_INFINITY],
  ['one that went on', lives(['a', 0]), lives(['a', 0], ['b', 5]), 5],
  ['one that went back before the last life', lives(['a', 0], ['b', 5]), lives(['a', 0], ['c', 3]), 3],
  ['one that went back within it', lives(['a', 0], ['b', 5]), lives(['a', 0], ['b', 5], ['c', 8]), 8],
  ['one whose last life was lost with its power', lives(['a', 0], ['b', 5]), lives(['a', 0], ['c', 5]), 5],
  ['one that forgot the oldest', lives(['a', 0], ['b', 5]), lives(['b', 5], ['c', 8]), 8],
  ['another', lives(['a', 0]), lives(['x', 0]), 0],
  ['one that says nothing', lives(['a', 0]), [], Number.POSITIVE_INFINITY],
  ['any, before the first was heard of', [], lives(['a', 0]), Number.POSITIVE_INFINITY],
])('a store is compared with %s', (_, known, told, shared) => {
  expect(sharedUpTo(known, told)).toBe(shared);
});
