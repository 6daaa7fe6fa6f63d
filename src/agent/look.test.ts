import { beforeEach, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { AgentEffect } from './event.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;

beforeEach(async () => {
  [cluster, h1] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] }));
  await cluster.settle();
});

const stir = () => h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'all' }] });

test('one that fails refuses no attach that it was to take in', async () => {
  await cluster.attached(h1, 'app', '/c1', 1_000);
  // As after an op that the kernel refused.
  h1.state.turn.complete = new Set();
  h1.holding = 'observe';
  stir();
  await cluster.settle(1_000);
  const request = h1.attach('app', '/c2');
  await cluster.settle();
  const [before] = h1.held.splice(0) as Extract<AgentEffect, { effect: 'observe' }>[];
  h1.dispatch({ event: 'observed', state: await h1.kernel.observe(before!.scope) });
  await cluster.settle(500);
  expect(h1.held.splice(0)).toHaveLength(1);
  h1.dispatch({ event: 'observe-failed', text: 'interrupted' });
  h1.letGo();
  await cluster.settle(3_000);
  expect(h1.answers.get(request)).toMatchObject({ answer: 'attached' });
});

test('what it found of a container that is gone is known no longer than its endpoint', async () => {
  const { id } = await cluster.attached(h1, 'app', '/c1', 1_000);
  h1.kernel.removeContainerNamespace('/c1');
  stir();
  await cluster.settle(2_000);
  expect(h1.state.turn.dead.size).toBe(1);
  h1.detach({ endpoint: id });
  await cluster.settle(2_000);
  stir();
  await cluster.settle(2_000);
  expect(h1.state.turn.dead.size).toBe(0);
});
