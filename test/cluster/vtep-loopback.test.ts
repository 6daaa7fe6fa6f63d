import { afterAll, beforeAll, expect, test } from 'vitest';
import { bridge, ip } from '../world/namespaces.ts';
import { pingAll } from '../world/talk.ts';
import { type Tunnelled, tunnelledWhile } from '../world/tunnelled.ts';
import { World } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

/** Hosts whose tunnels end at an address of the loopback device, with two wires between them. */

const HOSTS = ['h1', 'h2'] as const;
const numberOf = (host: string): string => host.slice(1);
const vtep = (host: string): string => `10.97.0.${numberOf(host)}`;
const otherOf = (host: string): string => HOSTS.find((each) => each !== host)!;

let world: World;
beforeAll(async () => {
  buildIfStale();
  world = new World({
    program: PROGRAM,
    hosts: HOSTS,
    flags: (_, host) => ['--underlay', vtep(host)],
  });
  const [h1, h2] = HOSTS.map((host) => world.containerOf(host)) as [string, string];
  ip('-n', h1, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', h2);
  for (const host of HOSTS) {
    const ns = world.containerOf(host);
    ip('-n', ns, 'link', 'set', 'eth1', 'up');
    ip('-n', ns, 'address', 'add', `10.98.0.${numberOf(host)}/24`, 'dev', 'eth1');
    ip('-n', ns, 'address', 'add', `${vtep(host)}/32`, 'dev', 'lo');
    // As a routing daemon writes them: the second way is for when the first is gone.
    const other = otherOf(host);
    for (const [wire, metric] of [
      ['99', '10'],
      ['98', '20'],
    ])
      ip('-n', ns, 'route', 'add', vtep(other), 'via', `10.${wire}.0.${numberOf(other)}`, 'metric', metric!);
  }
  await world.startAll();
});
afterAll(() => world?.remove());

const rowsOn = (host: string): string =>
  bridge('-n', `${world.overlaysOf(host)}100000`, 'fdb', 'show', 'dev', 'vxlan0');
const waysOf = (frames: readonly Tunnelled[]): string[] => [
  ...new Set(frames.map(({ from, to }) => `${from} > ${to}`)),
];

test('outlive each of the wires, and have the same outer source by both', async () => {
  await world.createNetwork('red', '10.1.0.0/16', 'fd00:1::/64');
  for (const host of HOSTS) {
    world.addNamespace(`c-${host}`);
    const { ok, body } = await world.attachTo(host, `c-${host}`, 'red');
    if (!ok) throw new Error(JSON.stringify(body));
  }
  const { addresses } = await world.endpointOf('c-h2');
  const from = world.containerOf('c-h1');
  const reach = async () => expect(await pingAll(from, addresses)).toEqual([]);
  const sent = (dev: string) => tunnelledWhile(world.containerOf('h1'), reach, dev);
  expect(waysOf(await sent('eth0'))).toEqual(['10.97.0.1 > 10.97.0.2']);

  const rows = rowsOn('h1');
  for (const host of HOSTS)
    ip('-n', world.containerOf(host), 'route', 'del', vtep(otherOf(host)), 'metric', '10');
  ip('-n', world.containerOf('h1'), 'link', 'set', 'eth0', 'down');
  expect(waysOf(await sent('eth1'))).toEqual(['10.97.0.1 > 10.97.0.2']);
  expect(rowsOn('h1')).toBe(rows);
  const { hosts } = await world.records();
  expect(hosts.flatMap(({ underlay }) => underlay).sort()).toEqual(HOSTS.map(vtep));
});
