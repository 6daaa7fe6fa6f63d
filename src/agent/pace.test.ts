import { beforeEach, describe, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { Scope } from '#kernel/kernel.ts';
import { hostTag, overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import type { DoorHandle } from './event.ts';
import { attachedBy, type TestAgent, TestCluster } from './test-cluster.ts';
import { markUrgent } from './turn.ts';

describe('while a runtime is at work', () => {
  let cluster: TestCluster;
  let h1: TestAgent;
  let app: Network;
  let endpoint: Endpoint;
  const door: DoorHandle = { runtime: 'docker', handle: 'e1' };

  beforeEach(async () => {
    cluster = new TestCluster();
    h1 = cluster.agent('h1');
    await cluster.settle();
    app = cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] })) as Network;
    await cluster.settle();
    const [first] = [h1.attachThroughDoor(app.id, 'e1'), h1.attachThroughDoor(app.id, 'e2')];
    await cluster.settle(2_000);
    endpoint = attachedBy(h1, first);
  });

  const hasPort = async (): Promise<boolean> => {
    const [ns, name] = [overlayNamespace(hostTag(h1.state.host), app.vni), portName(endpoint.id)];
    return (await h1.objects()).some(
      (object) => object.kind === 'link' && object.ns === ns && object.name === name,
    );
  };

  test('ports of before stay, and no turn takes them; they go once it is quiet', async () => {
    const request = h1.detach({ door });
    h1.attachThroughDoor(app.id, 'e3');
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({ answer: 'detached' });
    markUrgent(h1.state);
    await cluster.settle();
    expect(h1.state.turn.lastLookMs).toBe(cluster.nowMs);
    expect(await hasPort()).toBe(true);
    cluster.nowMs += 100;
    await cluster.settle();
    expect(await hasPort()).toBe(false);
    expect(h1.journal.get(endpoint.id)).toBeUndefined();
  });

  test('ports of before go half a second later, however much it asks', async () => {
    h1.detach({ door });
    await cluster.settle();
    for (let i = 0; i < 10; i++) {
      expect(await hasPort()).toBe(true);
      h1.attachThroughDoor(app.id, `more-${i}`);
      cluster.nowMs += 50;
      await cluster.settle();
    }
    expect(await hasPort()).toBe(false);
  });

  test('ports of before go when the agent is killed meanwhile', async () => {
    h1.detach({ door });
    await cluster.settle();
    h1.restart();
    await cluster.settle(1_000);
    expect(await hasPort()).toBe(false);
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('what is told of an endpoint later waits', async () => {
    const told = () => cluster.controller.state.snapshot.endpoints.get(endpoint.id)?.name;
    const moving = { event: 'moving', door, sandboxPath: '/run/docker/netns/s1' } as const;
    h1.ask((request) => ({ ...moving, request }));
    cluster.nowMs += 10;
    const words = { name: 'web-1', aliases: [], containerId: 'c1' };
    h1.dispatch({ event: 'described', door, words });
    await cluster.settle();
    expect(told()).toBe('e1');
    cluster.nowMs += 90;
    await cluster.settle();
    expect(told()).toBe('web-1');
  });
});

test.each([
  [200, 24],
  [800, 80],
  [5_000, 120],
])('sums that take %d ms are made every %d s, and a glance', async (tookMs, seconds) => {
  for (const gapMs of await gapsBetween(({ rows }) => rows === 'sums', tookMs)) {
    expect(gapMs).toBeGreaterThanOrEqual(seconds * 1_000);
    expect(gapMs).toBeLessThan(seconds * 1_000 + 6_000);
  }
});

test.each([
  [50, 4],
  [400, 10],
  [5_000, 24],
])('glances at rest that take %d ms are taken every %d s', async (tookMs, seconds) => {
  const isAtRest = ({ trustsSilence, rows }: Scope) => trustsSilence === 'mostly' && rows === 'none';
  const gaps = await gapsBetween(isAtRest, tookMs);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(4_000);
  // Now and then there is one with sums between two.
  gaps.sort((a, b) => a - b);
  expect(gaps[Math.floor(gaps.length / 2)]).toBeGreaterThanOrEqual(seconds * 1_000);
  expect(gaps[Math.floor(gaps.length / 2)]).toBeLessThan(seconds * 1_000 + 1_000);
});

/** Between the looks of that kind, each of which takes so long, of an agent at rest. */
async function gapsBetween(isMeant: (scope: Scope) => boolean, tookMs: number): Promise<number[]> {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] }));
  await cluster.settle();
  await cluster.attached(h1, 'app', '/c1');
  const [observe, beganMs] = [h1.kernel.observe.bind(h1.kernel), [] as number[]];
  h1.kernel.observe = (scope) => {
    if (isMeant(scope)) {
      beganMs.push(cluster.nowMs);
      cluster.nowMs += tookMs;
    }
    return observe(scope);
  };
  await cluster.settle(400_000);
  const gaps = beganMs.slice(1).map((atMs, i) => atMs - beganMs[i]! - tookMs);
  expect(gaps.length).toBeGreaterThan(1);
  return gaps;
}
