import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UnderlayFamily } from '#model/records.ts';
import { TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import type { EndpointJson, NetworkJson } from '../world/api.ts';
import { wireTogether } from '../world/namespaces.ts';
import { type Place, recipe, runIn, tablesOf } from '../world/recipe.ts';
import { ping, pingAll, talkTo } from '../world/talk.ts';
import { HOSTS, ThreeHosts } from '../world/three-hosts.ts';
import { sentWhile, tunnelledWhile } from '../world/tunnelled.ts';
import { buildIfStale } from './lab-cli.ts';

/** Every tunnel mode between real hosts: who hears whom, and that the kernel holds what people would type. */

const CASES = (['ipv4', 'ipv6'] as const).flatMap((underlay) =>
  TUNNEL_MODES.map((mode): [TunnelMode, UnderlayFamily] => [mode, underlay]),
);
const vtep = (host: string, underlay: UnderlayFamily): string =>
  underlay === 'ipv4' ? `10.99.0.${host.slice(1)}` : `fd99::${host.slice(1)}`;

const net = new ThreeHosts();
let bare: string[] = [];
beforeAll(async () => {
  buildIfStale();
  await net.start();
  // Hosts with the same addresses on a wire of their own, on which nobody but the test writes.
  const wire = net.world.addNamespace('wire-2');
  bare = HOSTS.map((host) => net.world.addNamespace(`bare-${host}`));
  wireTogether(wire, bare);
});
afterAll(() => net.remove());

describe.sequential.each(CASES)('%s over %s', (mode, underlay) => {
  const hosts = mode === 'p2p' ? HOSTS.slice(0, 2) : HOSTS;
  let network: NetworkJson & { mode: string; group?: string };
  let endpoints: EndpointJson[];

  beforeAll(async () => {
    network = (await net.network('red', { mode, underlay })) as typeof network;
    endpoints = await net.attachAll('red', hosts);
  });
  afterAll(() => net.removeNetwork('red'));

  test('gives the tables of the manual recipe', async () => {
    hosts.forEach((host, at) => {
      const others = hosts.filter((other) => other !== host);
      const place: Place = {
        network,
        local: vtep(host, underlay),
        remotes: others.map((other) => vtep(other, underlay)),
        behind: endpoints.flatMap((endpoint, i) =>
          i === at ? [] : [{ ...endpoint, vtep: vtep(hosts[i]!, underlay) }],
        ),
      };
      runIn(bare[at]!, recipe(place));
      try {
        expect(tablesOf(`${net.world.overlaysOf(host)}${network.vni.toString(16)}`)).toEqual(
          tablesOf(bare[at]!),
        );
      } finally {
        runIn(bare[at]!, ['ip link del vxlan0']);
      }
    });
  });

  if (mode === 'p2p')
    test('refuses a third host', async () => {
      const { ok, body } = await net.world.attachTo('h3', 'c-h3', 'red');
      expect(ok).toBe(false);
      expect(body.message).toContain('would be a third end: network red goes from point to point');
    });

  if (mode === 'multicast')
    test('asks the group once, is answered by one, and then speaks to that one alone', async () => {
      const joined = execFileSync('ip', [
        'netns',
        'exec',
        net.hostNamespace('h2'),
        'ip',
        'maddr',
        'show',
        'dev',
        'eth0',
      ]);
      expect(joined.toString()).toContain(` ${network.group}\n`);
      const [from, to] = [net.containerOn('h1'), endpoints[1]!.addresses[0]!];
      let answers: Awaited<ReturnType<typeof tunnelledWhile>> = [];
      const sent = await tunnelledWhile(net.hostNamespace('h1'), async () => {
        answers = await tunnelledWhile(net.hostNamespace('h2'), () => ping(from, to));
      });
      const arp = 0x0806;
      const asked = sent.filter(({ etherType, mac }) => etherType === arp && mac === 'ff:ff:ff:ff:ff:ff');
      expect(asked.map((packet) => packet.to)).toEqual([network.group]);
      const told = answers.filter(({ etherType, mac }) => etherType === arp && mac === endpoints[0]!.mac);
      expect(told.map((packet) => packet.to)).toEqual([vtep('h1', underlay)]);
      const all = await tunnelledWhile(net.hostNamespace('h1'), () => ping(from, to));
      // A container's own multicast reports and solicitations (IPv6) go to the group whenever they are due.
      const later = all.filter(({ mac }) => !mac.startsWith('33:33:'));
      expect(later.length).toBeGreaterThan(0);
      expect([...new Set(later.map((packet) => packet.to))]).toEqual([vtep('h2', underlay)]);
    });

  test('carries ping, TCP and UDP both ways in both families', async () => {
    const trouble: string[] = [];
    await Promise.all(
      hosts.map(async (host, at) => {
        const others = endpoints.flatMap(({ addresses }, i) => (i === at ? [] : addresses));
        const from = net.containerOn(host);
        const silent = [...(await pingAll(from, others)), ...(await talkTo(from, others))];
        trouble.push(...silent.map((what) => `${host}: ${what}`));
      }),
    );
    expect(trouble).toEqual([]);
    for (const host of hosts) {
      const { status } = await net.world.status(host);
      expect([host, status?.drift ?? [], status?.failing ?? []]).toEqual([host, [], []]);
    }
  });
});

test('a host that takes part in a group says so by IGMP', async () => {
  await net.network('red', { mode: 'multicast', group: '239.7.7.7' });
  const sent = await sentWhile(net.hostNamespace('h1'), () => net.attachAll('red', ['h1']));
  const IGMP = 2;
  const group = Buffer.from([239, 7, 7, 7]);
  const reports = sent
    .map((frame) => Buffer.from(frame))
    .filter((frame) => frame.readUInt16BE(12) === 0x0800 && frame[23] === IGMP && frame.includes(group, 34));
  expect(reports.length).toBeGreaterThan(0);
  await net.removeNetwork('red');
});
