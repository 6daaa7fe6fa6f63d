import { beforeEach, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;

beforeEach(async () => {
  [cluster, h1] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] }));
  await cluster.settle();
});

const reset = (): number => h1.ask((request) => ({ event: 'asked-reset', request }));

test('is not answered after a look that failed', async () => {
  await cluster.attached(h1, 'app', '/c1', 1_000);
  h1.cut();
  h1.holding = 'observe';
  const request = reset();
  await cluster.settle();
  expect(h1.held.splice(0)).toMatchObject([{ effect: 'observe' }]);
  h1.dispatch({ event: 'observe-failed', text: 'interrupted' });
  await cluster.settle(10);
  expect(h1.answers.has(request)).toBe(false);
  h1.letGo();
  await cluster.settle(6_000);
  expect(h1.answers.get(request)).toEqual({ answer: 'reset' });
  expect((await h1.objects()).filter(({ ns }) => ns.startsWith('weft-'))).toEqual([]);
});

test('refuses what was still to be granted', async () => {
  h1.holding = 'ask-attach';
  const request = h1.attach('app', '/c1');
  await cluster.settle(1_000);
  reset();
  await cluster.settle();
  h1.letGo();
  await cluster.settle(2_000);
  expect(h1.answers.get(request)).toMatchObject({ reason: 'unavailable' });
  expect(cluster.controller.state.snapshot.endpoints.size).toBe(0);
});

test('takes what was being written out of the journal', async () => {
  await cluster.attached(h1, 'app', '/c1', 1_000);
  h1.detach({ endpoint: 'c1' });
  await cluster.settle(2_000);
  h1.attach('app', '/c2');
  reset();
  await cluster.settle(5_000);
  expect([...h1.journal.values()].filter(({ entry }) => entry === 'attachment')).toEqual([]);
  h1.restart();
  await cluster.settle(3_000);
  expect(cluster.controller.state.snapshot.endpoints.size).toBe(0);
});
