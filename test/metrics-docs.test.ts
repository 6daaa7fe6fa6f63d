import fs from 'node:fs';
import path from 'node:path';
import type { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { AgentMetrics } from '#agent/metrics.ts';
import { createAgentState } from '#agent/state.ts';
import { ControllerMetrics } from '#controller/metrics.ts';
import { createControllerState } from '#controller/state.ts';
import type { Cidr } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import { Snapshot } from '#model/snapshot.ts';

const DOCS = path.resolve(import.meta.dirname, '../docs/metrics.md');

const agent = () =>
  new AgentMetrics(
    createAgentState({
      bootId: 'boot',
      name: 'h1',
      host: '01HF7YAT00000000000000000A' as Id,
      attachments: [],
      handingBack: [],
    }),
  ).registry;

function controller(): Registry {
  const metrics = new ControllerMetrics();
  const pools = { ipv4: '10.128.0.0/9' as Cidr, ipv4PrefixLength: 20, ipv6: 'fd00::/48' as Cidr };
  metrics.describe(createControllerState(new Snapshot(), pools));
  return metrics.registry;
}

/** prom-client tells a metric's labels only to those who hold it. */
const labelsOf = (registry: Registry, name: string): string[] =>
  (registry.getSingleMetric(name) as unknown as { labelNames: string[] }).labelNames;

async function rowsOf(registry: Registry): Promise<string[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ name, type, help }) => {
    const labels = labelsOf(registry, name).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`;
  });
}

test.each([
  ['weft_agent_', agent],
  ['weft_controller_', controller],
])('docs/metrics.md lists every %s…', async (prefix, make) => {
  const listed = fs
    .readFileSync(DOCS, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`| \`${prefix}`));
  expect(listed).toEqual((await rowsOf(make())).sort());
});
