import { beforeEach, expect, test } from 'vitest';
import { attachEndpoint, createNetwork } from '#intent/test-world.ts';
import type { Block } from '#model/records.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

const MINUTE_MS = 60_000;
let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] }));
});

const attach = (agent: TestAgent, path: string) => cluster.attached(agent, 'app', path, 1_000);

const blocksOf = ({ state }: TestAgent): Block[] =>
  [...cluster.controller.state.snapshot.blocks.values()].filter(({ host }) => host === state.host);

/** Time passes for all, and the controller says every three seconds that it is there. */
async function pass(ms: number): Promise<void> {
  for (const end = cluster.nowMs + ms; cluster.nowMs < end; ) {
    cluster.controller.dispatch({ event: 'tick' });
    cluster.controller.acknowledgeAll();
    await cluster.settle(Math.min(3_000, end - cluster.nowMs));
  }
}

const handBackEntries = ({ journal }: TestAgent) =>
  [...journal.values()].filter(({ entry }) => entry === 'hand-back');

/** `reset` as the operator asks for it. */
const reset = (agent: TestAgent): number => agent.ask((request) => ({ event: 'asked-reset', request }));

test('after five minutes without an endpoint the blocks go back, and the host hears no more than that the network is', async () => {
  await attach(h1, '/c1');
  await attach(h2, '/c2');
  h1.detach({ endpoint: 'c1' });
  await pass(4 * MINUTE_MS);
  expect(blocksOf(h1)).toMatchObject([{ retired: 0 }]);
  await pass(1.5 * MINUTE_MS);
  expect(handBackEntries(h1)).toEqual([]);
  expect(blocksOf(h1)).toEqual([]);
  expect(blocksOf(h2)).toHaveLength(1);
  expect([h1.state.view.networks.size, h1.state.view.endpoints.size]).toEqual([1, 0]);
  expect((await attach(h1, '/c3')).addresses).toEqual(['10.1.0.2']);
});

test('a container that is made anew within that time finds them there', async () => {
  await attach(h1, '/c1');
  for (let i = 0; i < 3; i++) {
    h1.detach({ endpoint: 'c1' });
    await pass(3 * MINUTE_MS);
    await attach(h1, '/c1');
  }
  expect(blocksOf(h1)).toMatchObject([{ retired: 0 }]);
});

test('in a network from point to point they go back within seconds: a third host may be the other end', async () => {
  cluster.controller.grant(createNetwork('pair', { mode: 'p2p', subnets: ['10.2.0.0/24'] }));
  const h3 = cluster.agent('h3');
  await cluster.settle();
  await cluster.attached(h1, 'pair', '/c1', 1_000);
  await cluster.attached(h2, 'pair', '/c2', 1_000);
  h2.detach({ endpoint: 'c2' });
  await pass(5_000);
  expect(blocksOf(h2)).toMatchObject([{ retired: 0 }]);
  await pass(15_000);
  expect(await cluster.attached(h3, 'pair', '/c3', 1_000)).toMatchObject({ host: h3.state.host });
});

test('with the controller away they stay', async () => {
  await attach(h1, '/c1');
  h1.cut();
  h1.detach({ endpoint: 'c1' });
  await cluster.settle(10 * MINUTE_MS);
  expect(handBackEntries(h1)).toEqual([]);
  expect((await attach(h1, '/c2')).addresses).toEqual(['10.1.0.2']);
});

test('what was begun is given from no more, whatever a killed agent remembers, until the controller has answered', async () => {
  await attach(h1, '/c1');
  h1.detach({ endpoint: 'c1' });
  await pass(4.9 * MINUTE_MS);
  const [block] = blocksOf(h1);
  const view = [...h1.state.view.blocks.values()];
  // The wish is on its way when the wire breaks and the process dies: nobody here knows what came of it.
  h1.holding = 'ask-return';
  await pass(0.2 * MINUTE_MS);
  expect(h1.held).toHaveLength(1);
  expect(handBackEntries(h1)).toHaveLength(1);
  h1.restart();
  h1.cut();
  expect(h1.state.view.blocks.get(block!.id)).toEqual(view[0]);
  const request = h1.attach('app', '/c2');
  await cluster.settle(1_000);
  expect(h1.answers.get(request)).toMatchObject({ reason: 'unavailable' });
  h1.heal();
  await cluster.settle(2_000);
  expect(handBackEntries(h1)).toEqual([]);
  expect(cluster.controller.state.snapshot.blocks.get(block!.id)!.retired).toBeGreaterThan(0);
  expect((await attach(h1, '/c3')).addresses).toEqual(['10.1.0.8']);
});

test('they are given from no more while an old view on disk says that they may be', async () => {
  await attach(h1, '/c1');
  h1.detach({ endpoint: 'c1' });
  await pass(4.9 * MINUTE_MS);
  // The disk is slow: the controller has answered, and the view that says so is not written yet.
  h1.holding = 'keep-view';
  await pass(0.2 * MINUTE_MS);
  expect(blocksOf(h1)).toEqual([]);
  expect(handBackEntries(h1)).toHaveLength(1);
  h1.restart();
  h1.cut();
  const request = h1.attach('app', '/c2');
  await cluster.settle(1_000);
  expect(h1.answers.get(request)).toMatchObject({ reason: 'unavailable' });
});

test('they stay when an endpoint was granted meanwhile', async () => {
  await attach(h1, '/c1');
  h1.detach({ endpoint: 'c1' });
  await pass(4.9 * MINUTE_MS);
  h1.holding = 'ask-return';
  await pass(0.2 * MINUTE_MS);
  // Asked of the controller, as the own block is not given from now.
  expect((await attach(h1, '/c2')).addresses).toEqual(['10.1.0.2']);
  h1.letGo();
  await pass(2_000);
  expect(blocksOf(h1)).toMatchObject([{ retired: 0 }]);
  expect(handBackEntries(h1)).toEqual([]);
  expect((await attach(h1, '/c3')).addresses).toEqual(['10.1.0.3']);
});

test('a reset hands them back at once, and is answered when that is known', async () => {
  await attach(h1, '/c1');
  await attach(h2, '/c2');
  const request = reset(h1);
  await cluster.settle();
  expect(h1.answers.get(request)).toEqual({ answer: 'reset' });
  expect(blocksOf(h1)).toMatchObject([{ retired: expect.toSatisfy((revision) => revision > 0) }]);
});

test('a reset with the controller away is answered all the same', async () => {
  await attach(h1, '/c1');
  h1.cut();
  const request = reset(h1);
  await cluster.settle(1_000);
  expect(h1.answers.get(request)).toEqual({ answer: 'reset' });
  expect(blocksOf(h1)).toMatchObject([{ retired: 0 }]);
});

test("an address that another host's endpoint had rests before the block's owner gives it", async () => {
  await attach(h1, '/c1');
  await attach(h2, '/c2');
  const guest = cluster.controller.grant(attachEndpoint('app', 'h2', 'x', { addresses: ['10.1.0.90'] }));
  expect(guest).toMatchObject({ addresses: ['10.1.0.90'] });
  const asked = h2.attach('app', '/c3', { addresses: ['10.1.0.3'] });
  await cluster.settle(2_000);
  expect(h2.answers.get(asked)).toMatchObject({ endpoint: { addresses: ['10.1.0.3'] } });
  h2.detach({ endpoint: 'c3' });
  await cluster.settle(1_000);
  expect(blocksOf(h1)).toMatchObject([{ except: [] }]);
  expect((await attach(h1, '/c4')).addresses).toEqual(['10.1.0.4']);
  await pass(130_000);
  expect((await attach(h1, '/c5')).addresses).toEqual(['10.1.0.3']);
});

test('what goes on in another network does not keep them', async () => {
  cluster.controller.grant(createNetwork('other', { subnets: ['10.2.0.0/24'] }));
  await attach(h1, '/c1');
  h1.detach({ endpoint: 'c1' });
  for (let minute = 0; minute < 6; minute++) {
    h1.holding = 'journal-put';
    h1.attach('other', `/d${minute}`);
    await pass(MINUTE_MS / 2);
    h1.letGo();
    await pass(MINUTE_MS / 2);
  }
  const { id } = cluster.controller.state.snapshot.networkNamed('app')!;
  expect(blocksOf(h1).filter(({ network }) => network === id)).toEqual([]);
});
