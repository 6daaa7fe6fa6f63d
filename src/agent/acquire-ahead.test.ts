import { beforeEach, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { Cidr } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;

beforeEach(async () => {
  [cluster, h1] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/16'] }));
  cluster.controller.grant(createNetwork('tiny', { subnets: ['10.2.0.0/28'] }));
});

const ownCidrs = ({ state }: TestAgent): Cidr[] =>
  [...state.view.blocks.values()].flatMap((block) => (block.host === state.host ? block.cidr : []));

async function attach(network: string, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) await cluster.attached(h1, network, `/${network}${i}`);
}

test('has more blocks before it has given the last address, and no attach but the first is the controller’s', async () => {
  await attach('app', 1, 6);
  expect(ownCidrs(h1)).toEqual(['10.1.0.0/28']);
  await attach('app', 7, 7);
  expect(ownCidrs(h1)).toEqual(['10.1.0.0/28', '10.1.0.16/28']);
  h1.holding = 'ask-attach';
  await attach('app', 8, 100);
  expect(h1.held).toEqual([]);
  // As many again as it has, each time.
  expect(ownCidrs(h1)).toHaveLength(16);
});

test('asks once, while the answer is on its way, and again after a lost one', async () => {
  await attach('app', 1, 1);
  h1.holding = 'ask-blocks';
  await attach('app', 2, 10);
  expect(h1.held).toHaveLength(1);
  h1.held.length = 0;
  h1.dispatch({ event: 'blocks-acquired', network: h1.state.view.networkNamed('app')!.id });
  await attach('app', 11, 13);
  expect(h1.held).toEqual([]);
  h1.letGo();
  await attach('app', 14, 100);
  expect(ownCidrs(h1).length).toBeGreaterThan(6);
});

test('with the controller away gives what it has ahead', async () => {
  await attach('app', 1, 13);
  h1.cut();
  await attach('app', 14, 29);
});

test('where there are few blocks takes none that it does not need', async () => {
  await attach('tiny', 1, 2);
  expect(ownCidrs(h1)).toEqual(['10.2.0.0/30']);
  await attach('tiny', 3, 3);
  expect(ownCidrs(h1)).toEqual(['10.2.0.0/30', '10.2.0.4/30']);
});

test('acquires others rather than give what containers elsewhere may remember as another’s', async () => {
  const given = new Map<Ip, number>();
  for (let i = 0; i < 400; i++) {
    const { id, addresses } = await cluster.attached(h1, 'app', '/passing');
    const [ip] = addresses as [Ip];
    const sinceMs = cluster.nowMs - (given.get(ip) ?? 0);
    expect(sinceMs, `${ip}, the ${i}th`).toBeGreaterThan(120_000);
    h1.detach({ endpoint: id });
    await cluster.settle(1_000);
    given.set(ip, cluster.nowMs);
  }
  // Those of two minutes, and what a host keeps to give.
  expect(given.size).toBeLessThan(300);
});
