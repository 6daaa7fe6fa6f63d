import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { isFilter } from '#model/filter.ts';
import { TestCluster } from './test-cluster.ts';

test('without nf_tables networks work, and everybody is told what does not hold', async () => {
  const cluster = new TestCluster();
  const [h1, h2] = [cluster.agent('h1'), cluster.agent('h2')];
  h1.state.canFilter = false;
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] }));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.attached(h1, 'app', '/c2');
  await cluster.attached(h2, 'app', '/d1');
  await cluster.settle();
  expect((await h1.objects()).filter(isFilter)).toEqual([]);
  expect((await h2.objects()).filter(isFilter).length).toBeGreaterThan(20);
  expect(h1.ops.some(({ object }) => isFilter(object))).toBe(false);
  for (const agent of [h1, h2]) expect(await agent.pendingOps()).toEqual([]);
  expect(h1.state.status?.notices.map(({ code }) => code)).toContain('no-nftables');
  expect(h2.state.status?.notices.map(({ code }) => code)).not.toContain('no-nftables');
});
