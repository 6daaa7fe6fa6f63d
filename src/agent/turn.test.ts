import { expect, test } from 'vitest';
import { createNetwork, registerHost } from '#intent/test-world.ts';
import { TestCluster } from './test-cluster.ts';

test('a kernel that cannot be looked at, again and again, is told of until it is seen', async () => {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app'));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.settle(1_000);
  const codes = () => h1.state.status?.notices.map(({ code }) => code);
  h1.holding = 'observe';
  for (let tries = 0; tries < 3; tries++) {
    expect(codes()).toEqual([]);
    h1.dispatch({ event: 'observe-failed', text: 'EMFILE: too many open files' });
  }
  expect(codes()).toEqual(['kernel-unseen']);
  h1.letGo();
  await cluster.settle(1_000);
  expect(codes()).toEqual([]);
});

test('what is heard after a look that failed does not count as applied', async () => {
  const cluster = new TestCluster();
  const [h1, h2] = [cluster.agent('h1'), cluster.agent('h2')];
  await cluster.settle();
  cluster.controller.grant(createNetwork('app'));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.attached(h2, 'app', '/c2');
  await cluster.settle(1_000);
  h1.holding = 'observe';
  // Moves its tunnels: only a look can follow that.
  const moved = registerHost('h2', { id: h2.state.host, underlay: ['192.0.2.77'] });
  cluster.controller.grant(moved, { role: 'host', name: 'h2' });
  await cluster.settle();
  const { revision } = h1.state.view;
  h1.dispatch({ event: 'observe-failed', text: 'interrupted' });
  h1.dispatch({ event: 'heard', message: { message: 'beat', revision: revision + 1 } });
  expect(h1.state.turn.applied).toBeLessThan(revision);
  h1.letGo();
  await cluster.settle(1_000);
  expect(h1.state.turn.applied).toBe(revision + 1);
});

test('news that no look tells of does not hide what is to be known of tunnels', async () => {
  const cluster = new TestCluster();
  const [h1, h2] = [cluster.agent('h1'), cluster.agent('h2')];
  await cluster.settle();
  cluster.controller.grant(createNetwork('app'));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.attached(h2, 'app', '/c2');
  const lost = registerHost('h2', { id: h2.state.host, underlay: [] });
  cluster.controller.grant(lost, { role: 'host', name: 'h2' });
  await cluster.settle(5_000);
  const codes = () => h1.state.status?.notices.map(({ code }) => code);
  expect(codes()).toEqual(['endpoint-unreachable']);
  h1.dispatch({ event: 'host-noticed', notices: [] });
  expect(codes()).toEqual(['endpoint-unreachable']);
});
