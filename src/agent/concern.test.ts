import { beforeEach, expect, test } from 'vitest';
import { createNetwork, registerHost } from '#intent/test-world.ts';
import type { Scope } from '#kernel/kernel.ts';
import { hostTag, overlayNamespace } from '#model/own.ts';
import type { AgentEffect } from './event.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;
let scopes: Scope[];

const overlayOf = (name: string) =>
  overlayNamespace(hostTag(h1.state.host), h1.state.view.networkNamed(name)!.vni);
/** What was looked at, each overlay once. */
const looked = () => new Set(scopes.splice(0).flatMap(({ overlays }) => overlays ?? 'all'));

/** It has just glanced everywhere, and will not do so by itself for four seconds. */
async function untilGlanced(): Promise<void> {
  for (scopes = []; !scopes.splice(0).some(({ trustsSilence }) => trustsSilence === 'mostly'); )
    await cluster.settle(500);
}

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  for (const name of ['blue', 'green', 'red']) cluster.controller.grant(createNetwork(name));
  await cluster.settle();
  await cluster.attached(h1, 'blue', '/c1', 1_000);
  await cluster.attached(h1, 'green', '/c2', 1_000);
  scopes = [];
  const observe = h1.kernel.observe.bind(h1.kernel);
  h1.kernel.observe = (scope) => {
    scopes.push(scope);
    return observe(scope);
  };
  await untilGlanced();
});

test('the first endpoint of a network, and the last, are no reason to look at others', async () => {
  const { id } = await cluster.attached(h1, 'red', '/c3', 1_000);
  expect(looked()).toEqual(new Set([overlayOf('red')]));
  expect((await h1.objects()).some(({ ns }) => ns === overlayOf('red'))).toBe(true);
  await untilGlanced();
  h1.detach({ endpoint: id });
  await cluster.settle(1_000);
  expect(looked()).toEqual(new Set([overlayOf('red')]));
  expect((await h1.objects()).some(({ ns }) => ns === overlayOf('red'))).toBe(false);
  expect((await h1.objects()).some(({ ns }) => ns === overlayOf('blue'))).toBe(true);
});

test("what changes in a container is looked at with all of the container's networks", async () => {
  await cluster.attached(h1, 'red', '/c1', 1_000);
  looked();
  h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'namespace', ns: '/c1' }] });
  await cluster.settle(500);
  expect(looked()).toEqual(new Set([overlayOf('blue'), overlayOf('red')]));
  h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'namespace', ns: overlayOf('green') }] });
  await cluster.settle(500);
  expect(looked()).toEqual(new Set([overlayOf('green')]));
});

test('what a look at some networks was refused is sought in all', async () => {
  h1.kernel.failNext(({ verb, object }) => verb === 'add' && object.kind === 'namespace', 'EBUSY');
  const request = h1.attach('red', '/c3');
  await cluster.settle(2_000);
  expect(looked()).toEqual(new Set([overlayOf('red'), 'all']));
  expect(h1.answers.get(request)).toMatchObject({ answer: 'attached' });
});

test('nothing that happens in one network keeps the others from their glance', async () => {
  for (let ms = 0; ms < 6_000; ms += 500) {
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'namespace', ns: overlayOf('blue') }] });
    await cluster.settle(500);
  }
  expect(looked()).toEqual(new Set([overlayOf('blue'), 'all']));
});

test('what is heard of others while some networks are looked at does not count as applied', async () => {
  await cluster.attached(h2, 'blue', '/c9', 1_000);
  h1.holding = 'observe';
  h1.attach('red', '/c3');
  await cluster.settle();
  const [look] = h1.held.splice(0) as Extract<AgentEffect, { effect: 'observe' }>[];
  expect(look?.scope.overlays).toEqual([overlayOf('red')]);
  // Moves its tunnels: only a look can follow that.
  const moved = registerHost('h2', { id: h2.state.host, underlay: ['192.0.2.77'] });
  cluster.controller.grant(moved, { role: 'host', name: 'h2' });
  await cluster.settle();
  const { revision } = h1.state.view;
  h1.dispatch({ event: 'observed', state: await h1.kernel.observe(look!.scope) });
  await cluster.settle();
  expect(h1.state.turn.applied).toBeLessThan(revision);
  h1.letGo();
  await cluster.settle(1_000);
  expect(h1.state.turn.applied).toBeGreaterThanOrEqual(revision);
});
