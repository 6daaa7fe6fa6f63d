import { expect, test } from 'vitest';
import { MemoryStore } from '#store/memory-store.ts';
import { StoreError } from '#store/store-error.ts';
import { beginLife } from './begin-life.ts';

const chance = (number: number) => ({ now: number, entropy: (count: number) => new Uint8Array(count) });

test('on a full disk the controller starts all the same', async () => {
  const store = new MemoryStore();
  const full = {
    readStatus: () => store.readStatus(),
    putStatus: async () => {
      throw new StoreError('full', 'no room', 'make room');
    },
  };
  expect(await beginLife(full, 3, chance(1))).toMatchObject([{ from: 3 }]);
});

test('each start is a life of its own, and the store knows all of them', async () => {
  const store = new MemoryStore();
  const first = await beginLife(store, 0, chance(1));
  expect(first).toMatchObject([{ from: 0 }]);
  const second = await beginLife(store, 7, chance(2));
  expect(second).toEqual([...first, { id: expect.any(String), from: 7 }]);
  const anew = await beginLife(store, 7, chance(3));
  expect(anew).toEqual([...first, { id: expect.any(String), from: 7 }]);
  expect(anew[1]!.id).not.toBe(second[1]!.id);
  for (let number = 8; number < 200; number++) await beginLife(store, number, chance(number));
  expect((await beginLife(store, 200, chance(200))).length).toBe(100);
});
