import { beforeEach, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { isRejection } from '#model/fault.ts';
import { exposedName } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import type { Wish } from '#model/wish.ts';
import { ownEndpoints } from './exposures.ts';
import { type TestAgent, TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;

beforeEach(async () => {
  cluster = new TestCluster();
  h1 = cluster.agent('h1');
  cluster.agent('h2');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.9.0.0/24'] }));
  await cluster.settle();
});

function wish(words: Wish): void {
  const answer = cluster.controller.ask(words, { role: 'operator', name: 'test' });
  if (isRejection(answer)) throw new Error(JSON.stringify(answer.faults));
}
const expose = (...addresses: string[]) =>
  wish({ wish: 'expose-network', network: 'app', host: 'h1', addresses, allowOverlap: false });
const hide = () => wish({ wish: 'hide-network', network: 'app', host: 'h1' });

const own = (): Endpoint | undefined => [...ownEndpoints(h1.state).values()][0];
const recorded = (): (readonly string[])[] =>
  [...cluster.controller.state.snapshot.endpoints.values()].map(({ addresses }) => addresses);
const notices = () => (h1.state.status?.notices ?? []).map(({ code }) => code);
const links = async () =>
  (await h1.objects()).flatMap((each) =>
    each.kind === 'link' && each.ns === '' && each.name.startsWith('wfh') ? each.name : [],
  );

test('the host is an endpoint, in its own namespace, for as long as the record is there', async () => {
  expose('10.9.0.77');
  await cluster.settle(500);
  const { vni } = cluster.controller.state.snapshot.networkNamed('app')!;
  expect(await links()).toEqual([exposedName(vni)]);
  expect(await h1.pendingOps()).toEqual([]);
  expect(own()).toMatchObject({ runtime: 'host', name: 'h1', addresses: ['10.9.0.77'] });
  expect(notices()).toEqual([]);
  hide();
  await cluster.settle(1_000);
  expect(await links()).toEqual([]);
  expect([recorded(), [...h1.journal.values()]]).toEqual([[], []]);
});

test('with the controller away a restarted agent keeps it, and after a boot makes it anew, with its address', async () => {
  expose();
  await cluster.settle(500);
  const before = own()!;
  h1.cut();
  h1.restart();
  await cluster.settle(1_000);
  expect(own()).toEqual(before);
  h1.restart('boot-2');
  await cluster.settle(1_000);
  expect(own()).toEqual({ ...before, generation: 2 });
  expect(await links()).toHaveLength(1);
});

test('what was hidden while the agent was dead is given back', async () => {
  expose();
  await cluster.settle(500);
  h1.cut();
  h1.restart();
  hide();
  h1.heal();
  await cluster.settle(1_500);
  expect([await links(), recorded()]).toEqual([[], []]);
});

test('hidden and exposed anew at once, also with the same address or another one, it is there in a moment', async () => {
  expose('10.9.0.77');
  await cluster.settle(500);
  for (const address of ['10.9.0.77', '10.9.0.78']) {
    hide();
    expose(address);
    await cluster.settle(1_000);
    expect(recorded()).toEqual([[address]]);
    expect(await h1.pendingOps()).toEqual([]);
  }
  h1.cut();
  hide();
  expose('10.9.0.79');
  h1.heal();
  await cluster.settle(1_500);
  expect(recorded()).toEqual([['10.9.0.79']]);
});

test('what is in the way is told, and tried again', async () => {
  const wanted = '10.9.0.77';
  h1.holding = 'ask-attach';
  expose(wanted);
  await cluster.settle();
  const h2 = cluster.agent('h2');
  const request = h2.attach('app', '/c1', { addresses: [wanted] });
  await cluster.settle();
  h1.letGo();
  await cluster.settle(500);
  expect(h1.state.status).toBeDefined();
  const told = async () => {
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'namespace', ns: '' }] });
    await cluster.settle(1_000);
    return notices();
  };
  expect(await told()).toEqual(['not-exposed']);
  expect(h2.answers.get(request)).toMatchObject({ answer: 'attached' });
  h2.detach({ endpoint: 'c1' });
  for (let i = 0; i < 12; i++) {
    cluster.controller.dispatch({ event: 'tick' });
    await cluster.settle(1_000);
  }
  expect(own()?.addresses).toEqual([wanted]);
  expect(await told()).toEqual([]);
});

test('the host is hidden, not detached', async () => {
  expose();
  await cluster.settle(500);
  const request = h1.detach({ endpoint: 'h1' });
  await cluster.settle();
  expect(h1.answers.get(request)).toMatchObject({ faults: [{ fix: 'weft hide app' }] });
});
