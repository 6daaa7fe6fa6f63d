import { expect, test } from 'vitest';
import { atMost } from './at-most.ts';

test('works on no more than so many at once, and gives results in order', async () => {
  let running = 0;
  let most = 0;
  const results = await atMost(3, [5, 1, 4, 2, 3], async (ms) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, ms));
    running--;
    return ms * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(3);
});

test('throws the first failure', async () => {
  await expect(atMost(2, [1, 2], async (n) => Promise.reject(new Error(`no ${n}`)))).rejects.toThrow('no 1');
});

test('nothing to do is done', async () => {
  expect(await atMost(2, [], async () => 1)).toEqual([]);
});
