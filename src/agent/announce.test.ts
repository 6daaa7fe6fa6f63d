import { beforeEach, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { Ip } from '#model/ip.ts';
import { portName } from '#model/own.ts';
import { type Endpoint, put } from '#model/records.ts';
import { decodeFrame } from '#packet/decode.ts';
import { summarizeFrame } from '#packet/summarize.ts';
import { linkLocalOf } from '#plan/link-local.ts';
import { testEndpoint } from '#plan/test-world.ts';
import { newcomers } from './announce.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;
/** Each frame that a container of that host was told, and at which port. */
let told: string[];

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24', 'fd01::/64'] }));
  told = [];
  h1.kernel.onAnnouncement = ({ ports, frames }) => {
    for (const port of ports === 'all' ? ['all'] : ports)
      told.push(...frames.map((frame) => `${port} ${summarizeFrame(decodeFrame(frame))}`));
  };
});

const attached = (agent: TestAgent, path: string) => cluster.attached(agent, 'app', path);

/** What is heard at a port of an endpoint. */
const wordOf = (port: string, of: Endpoint, ips: readonly Ip[] = [...of.addresses, linkLocalOf(of.mac)]) =>
  ips.map((ip) => expect.stringMatching(`^${port} .*${ip}.*`));

test('containers hear of one on another host that takes part already', async () => {
  await attached(h1, '/c1');
  await attached(h2, '/d1');
  expect(told).toEqual([]);
  await cluster.settle(500);
  const d2 = await attached(h2, '/d2');
  expect(told).toEqual(wordOf('all', d2));
});

test('by no port but theirs, where a tunnel would learn from a frame that slipped into it', async () => {
  cluster.controller.grant(createNetwork('flooded', { subnets: ['10.2.0.0/24'], mode: 'flood' }));
  const attachedThere = (agent: TestAgent, path: string) => cluster.attached(agent, 'flooded', path);
  const [c1, c2] = [await attachedThere(h1, '/c1'), await attachedThere(h1, '/c2')];
  await attachedThere(h2, '/d1');
  await cluster.settle(500);
  const d2 = await attachedThere(h2, '/d2');
  expect(told).toEqual([...wordOf(portName(c1.id), d2), ...wordOf(portName(c2.id), d2)]);
});

test('one of the same host speaks for itself, unless others remember its address', async () => {
  await attached(h1, '/c1');
  const c2 = await attached(h1, '/c2');
  h1.detach({ endpoint: c2.id });
  await cluster.settle(60_000);
  expect(told).toEqual([]);
  h1.attach('app', '/c3', { addresses: c2.addresses });
  await cluster.settle();
  const c3 = [...h1.state.view.endpoints.values()].find(({ name }) => name === 'c3')!;
  expect(c3.addresses).toEqual(c2.addresses);
  expect(told).toEqual(wordOf('all', c3, c3.addresses));
});

test('a network comes with a hundred thousand endpoints: not each costs as much as all before it', async () => {
  await cluster.settle();
  const [network] = h1.state.view.networks.values();
  const endpoint = testEndpoint(2, 1, 2, { network: network!.id });
  const changes = new Array(100_000).fill(put(endpoint));
  const [all] = newcomers(h1.state, changes, new Array(100_000).fill({ ...endpoint, addresses: [] }));
  expect(all?.endpoints).toHaveLength(100_000);
});
