import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { Network } from '#model/records.ts';
import { MOVE_MS, NEXT_CALL_MS } from './pace.ts';
import { TestCluster } from './test-cluster.ts';

test.each([
  ['its runtime moves it', true],
  ['its runtime asks no more', false],
])('others are told of an interface when %s', async (_, moves) => {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  const app = cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] })) as Network;
  h1.attachThroughDoor(app.id, 'e1');
  await cluster.settle(1_000);
  const told = () =>
    [...cluster.controller.state.snapshot.endpoints.values()].map(({ containerId }) => containerId);
  h1.attachThroughDoor(app.id, 'e2');
  await cluster.settle();
  const door = { runtime: 'docker', handle: 'e2' } as const;
  if (moves) h1.ask((request) => ({ event: 'moving', request, door, sandboxPath: '/s2' }));
  await cluster.settle();
  expect(told()).toEqual(['e1']);
  cluster.nowMs += moves ? MOVE_MS : NEXT_CALL_MS;
  await cluster.settle();
  expect(told()).toEqual(['e1', 'e2']);
});
