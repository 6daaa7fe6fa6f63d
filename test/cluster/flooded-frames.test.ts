import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import type { EndpointJson } from '../world/api.ts';
import { ip } from '../world/namespaces.ts';
import { ping } from '../world/talk.ts';
import { HOSTS, ThreeHosts } from '../world/three-hosts.ts';
import { type Tunnelled, tunnelledWhile } from '../world/tunnelled.ts';
import { buildIfStale } from './lab-cli.ts';

/**
 * How many copies of a frame leave a host in each mode, from captures; the table in the docs is this one.
 * After a change: `UPDATE_DOCS=1 npx vitest run --project cluster test/cluster/flooded-frames.test.ts`.
 */

const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/tunnel-modes.md');
const [BEGIN, END] = ['<!-- captured: begin -->', '<!-- captured: end -->'];

const NOBODY = { ip: '10.1.200.200', mac: '02:de:ad:be:ef:01' };
const isArp = ({ etherType, mac }: Tunnelled) => etherType === 0x0806 && mac === 'ff:ff:ff:ff:ff:ff';
const isTo = (mac: string) => (packet: Tunnelled) => packet.mac === mac && packet.etherType === 0x0800;

const net = new ThreeHosts();
beforeAll(async () => {
  buildIfStale();
  await net.start();
});
afterAll(() => net.remove());

interface Scene {
  readonly title: string;
  readonly ping: (known: EndpointJson) => readonly string[];
  readonly counted: (known: EndpointJson) => (packet: Tunnelled) => boolean;
  readonly prepare?: (container: string) => void;
}

const quietly = ['-W1'];
const SCENES: readonly Scene[] = [
  {
    title: 'ARP for a container that is there',
    ping: ({ addresses }) => [addresses[0]!],
    counted: () => isArp,
  },
  {
    title: 'ARP for an address that nobody has',
    ping: () => [NOBODY.ip, ...quietly],
    counted: () => isArp,
  },
  {
    title: 'broadcast',
    ping: () => ['10.1.255.255', '-b', ...quietly],
    counted: () => isTo('ff:ff:ff:ff:ff:ff'),
  },
  {
    title: 'multicast',
    ping: () => ['239.9.9.9', ...quietly],
    counted: () => isTo('01:00:5e:09:09:09'),
  },
  {
    title: 'unicast to a MAC that nobody has',
    prepare: (container) =>
      ip('-n', container, 'neigh', 'replace', NOBODY.ip, 'lladdr', NOBODY.mac, 'dev', 'eth0'),
    ping: () => [NOBODY.ip, ...quietly],
    counted: () => isTo(NOBODY.mac),
  },
  {
    title: 'unicast to a container that has spoken',
    ping: ({ addresses }) => [addresses[0]!],
    counted: ({ mac }) => isTo(mac),
  },
];

/** Copies of one such frame that leave the first host. */
async function copies(scene: Scene, known: EndpointJson): Promise<number> {
  const container = net.containerOn('h1');
  scene.prepare?.(container);
  const [address, ...flags] = scene.ping(known);
  const sent = await tunnelledWhile(net.hostNamespace('h1'), () => ping(container, address!, ...flags));
  const counted = sent.filter(scene.counted(known));
  // An ARP that stays unanswered is asked again after a second, or not yet.
  return new Set(counted.map(({ to }) => to)).size;
}

async function rowOf(mode: TunnelMode): Promise<string> {
  const hosts = mode === 'p2p' ? HOSTS.slice(0, 2) : HOSTS;
  await net.network('red', { mode });
  const endpoints = await net.attachAll('red', hosts);
  ip('-n', net.containerOn('h1'), 'route', 'add', '239.0.0.0/8', 'dev', 'eth0');
  const cells: number[] = [];
  for (const scene of SCENES) cells.push(await copies(scene, endpoints[1]!));
  await net.removeNetwork('red');
  return `| \`${mode}\` | ${hosts.length} | ${cells.join(' | ')} |`;
}

test('the documented copies of a frame are those that are captured', async () => {
  const rows = [];
  for (const mode of TUNNEL_MODES) rows.push(await rowOf(mode));
  const table = [
    `| mode | hosts | ${SCENES.map(({ title }) => title).join(' | ')} |`,
    `|---|---|${SCENES.map(() => '---|').join('')}`,
    ...rows,
  ].join('\n');
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, , after] = text.split(new RegExp(`${BEGIN}|${END}`)) as [string, string, string];
  if (process.env.UPDATE_DOCS) writeFileSync(DOCUMENT, `${before}${BEGIN}\n${table}\n${END}${after}`);
  expect(readFileSync(DOCUMENT, 'utf8')).toContain(`${BEGIN}\n${table}\n${END}`);
});
