import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { InterfaceAddress } from '#model/cidr.ts';
import { reject } from '#model/fault.ts';
import type { KernelObject } from '#model/kernel-state.ts';
import { AgentMetrics } from './metrics.ts';
import { scopeOf } from './scope.ts';
import { TestCluster } from './test-cluster.ts';

const linesOf = async (metrics: AgentMetrics): Promise<string[]> =>
  (await metrics.registry.metrics()).split('\n');

test('drift, session and revisions are those of the moment', async () => {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  const metrics = new AgentMetrics(h1.state);
  expect(await linesOf(metrics)).toContain('weft_agent_connected 0');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app'));
  h1.attach('app', '/c1');
  await cluster.settle(2_000);
  expect(await linesOf(metrics)).toEqual(
    expect.arrayContaining([
      'weft_agent_connected 1',
      `weft_agent_applied_revision ${h1.state.view.revision}`,
      'weft_agent_lag_revisions 0',
      'weft_agent_failing_ops 0',
      'weft_agent_endpoints 1',
    ]),
  );
  h1.state.status = { ...h1.state.status!, drift: [{ kind: 'fdb', missing: 2, extra: 1, changed: 0 }] };
  expect(await linesOf(metrics)).toContain('weft_agent_drift_objects{kind="fdb",how="missing"} 2');
});

test('looks are timed, writes and attaches counted by their outcome', async () => {
  const h1 = new TestCluster().agent('h1');
  const metrics = new AgentMetrics(h1.state);
  const scope = scopeOf(h1.state);
  await metrics.timeLook(scope, () => h1.kernel.observe(scope));
  await metrics.timeLook({ ...scope, rows: 'none' }, async () => {});
  const ns = 'weft-test0000-100001';
  const address = { kind: 'address', ns, dev: 'none', address: '10.0.0.1/24' as InterfaceAddress } as const;
  const objects: KernelObject[] = [{ kind: 'namespace', ns }, address];
  metrics.countOps(
    await h1.kernel.apply(
      objects.map((object) => ({ verb: 'add', object })),
      scope,
    ),
  );
  await metrics.timeAttach(async () => reject('absent'));
  expect(await linesOf(metrics)).toEqual(
    expect.arrayContaining([
      'weft_agent_look_duration_seconds_count{reach="look"} 1',
      'weft_agent_look_duration_seconds_count{reach="glance"} 1',
      'weft_agent_ops_total{verb="add",kind="namespace",outcome="done"} 1',
      'weft_agent_ops_total{verb="add",kind="address",outcome="refused"} 1',
      'weft_agent_attach_duration_seconds_count{outcome="refused"} 1',
    ]),
  );
});
