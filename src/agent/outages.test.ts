import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import type { Link } from '#model/kernel-state.ts';
import { noteOutages } from './outages.ts';
import { scopeOf } from './scope.ts';
import { TestCluster } from './test-cluster.ts';

test('a tunnel that goes down and up again, or is made anew, was away; one that is changed was not', async () => {
  const cluster = new TestCluster();
  const [h1, h2] = [cluster.agent('h1'), cluster.agent('h2')];
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { mode: 'multicast' }));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.attached(h2, 'app', '/c2');
  await cluster.settle();
  const { link } = await h1.kernel.observe(scopeOf(h1.state));
  const tunnel = [...link.values()].find(({ detail }) => detail.type === 'vxlan')!;
  const down: Link = { ...tunnel, up: false };
  const lengths = (...ops: readonly [atMs: number, op: KernelOp][]): number[] => {
    h1.state.outages.clear();
    noteOutages(
      h1.state,
      ops.map(([atMs, op]): OpResult => ({ ok: true, op, atMs })),
    );
    return [...h1.state.outages.values()].map(({ durationMs }) => durationMs);
  };
  const change = (object: Link, was: Link): KernelOp => ({ verb: 'change', object, was });
  expect(lengths([10, change(down, tunnel)], [13.5, change(tunnel, down)])).toEqual([3.5]);
  expect(lengths([10, { verb: 'delete', object: tunnel }], [14, { verb: 'add', object: tunnel }])).toEqual([
    4,
  ]);
  expect(lengths([10, change(tunnel, tunnel)])).toEqual([]);
});
