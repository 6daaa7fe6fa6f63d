import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { ListHostStatusResponse } from '#api/gen/weft/v1/controller_pb.ts';
import { createNetwork, POOLS } from '#intent/test-world.ts';
import { Snapshot } from '#model/snapshot.ts';
import { MemoryStore } from '#store/memory-store.ts';
import { StoreError } from '#store/store-error.ts';
import type { Router } from '#transport/answer-calls.ts';
import { Engine } from './engine.ts';
import { controllerRoutes } from './service.ts';
import { createControllerState } from './state.ts';

test('a store that cannot be written is told of with the hosts, as long as it is so', async () => {
  const store = new MemoryStore();
  const failing = {
    commit: () => Promise.reject(new StoreError('full', 'no space left', 'make room')),
    putStatus: () => store.putStatus('', new Uint8Array()),
  };
  let now = 1_000_000;
  const clocks = { chance: () => ({ now, entropy: (n: number) => new Uint8Array(n) }), wallMs: () => now };
  const state = createControllerState(new Snapshot([], 0), POOLS);
  const engine = new Engine(state, failing, clocks, pino({ level: 'silent' }));
  let listHostStatus: () => Promise<ListHostStatusResponse>;
  const service = (_: unknown, implementation: { listHostStatus: typeof listHostStatus }) => {
    listHostStatus = implementation.listHostStatus;
  };
  controllerRoutes(engine, store)({ service } as unknown as Router);
  const notices = async () => (await listHostStatus()).notices;
  expect(await notices()).toEqual([]);
  await engine.ask({ role: 'operator', name: 'ann' }, createNetwork('app'));
  expect(await notices()).toMatchObject([
    {
      code: 'store-unwritten',
      sentence: expect.stringContaining('no space left'),
      next: 'on the controller, make room.',
    },
  ]);
  now += 10_000;
  expect(await notices()).toEqual([]);
});
