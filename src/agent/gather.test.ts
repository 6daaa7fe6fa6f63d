import { expect, test } from 'vitest';
import { gather } from './gather.ts';

test('makes one call of what is asked for at once, and each has its own result', async () => {
  const calls: (readonly number[])[] = [];
  const square = gather(3, async (items: readonly number[]) => {
    calls.push(items);
    return items.map((item) => item * item);
  });
  expect(await Promise.all([1, 2, 3, 4].map(square))).toEqual([1, 4, 9, 16]);
  expect(await square(5)).toBe(25);
  expect(calls).toEqual([[1, 2, 3], [4], [5]]);
});

test('what is asked for while a call is under way does not wait for it', async () => {
  const ends: (() => void)[] = [];
  const ask = gather(10, async (items: readonly string[]) => {
    await new Promise<void>((resolve) => ends.push(resolve));
    return items;
  });
  const first = ask('a');
  await expect.poll(() => ends.length, { timeout: 10_000 }).toBe(1);
  const second = ask('b');
  await expect.poll(() => ends.length, { timeout: 10_000 }).toBe(2);
  ends[1]!();
  expect(await second).toBe('b');
  ends[0]!();
  expect(await first).toBe('a');
});
