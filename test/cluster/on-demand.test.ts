import type { ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openFrameSender } from '#netlink/packet-socket.ts';
import { encodeArpRequest } from '#packet/encode-frame.ts';
import { cpuMs } from '../../bench/process.ts';
import { callOk, type EndpointJson, type NetworkJson } from '../world/api.ts';
import { handleMisses } from '../world/miss-handler.ts';
import { bridge, ip, kernelJson, wireTogether } from '../world/namespaces.ts';
import { recipe, runIn, tablesOf } from '../world/recipe.ts';
import { firstPing, ping } from '../world/talk.ts';
import { HOSTS, ThreeHosts } from '../world/three-hosts.ts';
import { until } from '../world/world.ts';
import { buildIfStale } from './lab-cli.ts';

/** A network that asks on demand: what is written when, who answers, and what of it outlives the agent. */

/** A question that is lost is asked again after a second: whoever is answered sooner was answered the first time. */
const NOT_ASKED_AGAIN_MS = 900;
const MODE = 'on-demand';

const net = new ThreeHosts();
const vtep = (host: string) => `10.99.0.${host.slice(1)}`;
let network: NetworkJson & { mode: string };
let endpoints: EndpointJson[];

beforeAll(async () => {
  buildIfStale();
  await net.start();
});
afterAll(() => net.remove());
beforeEach(async () => {
  if (network) await net.removeNetwork('red');
  network = (await net.network('red', { mode: MODE })) as typeof network;
  endpoints = await net.attachAll('red');
});

const overlayOf = (host: string) => `${net.world.overlaysOf(host)}${network.vni.toString(16)}`;
const rowsOf = (host: string) => {
  const { rows, neighbours } = tablesOf(overlayOf(host));
  return [...rows, ...neighbours].sort();
};
const rowsTowards = (at: number, families = [0, 1]) => {
  const { mac, addresses } = endpoints[at]!;
  return [`${mac} ${vtep(HOSTS[at]!)}`, ...families.map((family) => `${addresses[family]} ${mac}`)].sort();
};

test('nothing is written until somebody asks; then the tables are those of a miss handler, without its second', async () => {
  const wire = net.world.addNamespace('wire-2');
  const bare = HOSTS.slice(0, 2).map((host) => net.world.addNamespace(`bare-${host}`));
  wireTogether(wire, bare);
  const monitors: ChildProcess[] = [];
  const places = bare.map((ns, at) => {
    const behind = endpoints.flatMap((end, i) => (i === at ? [] : [{ ...end, vtep: vtep(HOSTS[i]!) }]));
    runIn(ns, recipe({ network, local: vtep(HOSTS[at]!), remotes: [], behind }));
    monitors.push(handleMisses(ns, behind));
    return plugByHand(ns, endpoints[at]!, `bare-c${at}`);
  });
  await sleep(500);
  for (const [at, ns] of bare.entries()) expect(tablesOf(overlayOf(HOSTS[at]!))).toEqual(tablesOf(ns));
  expect(rowsOf('h1')).toEqual([]);

  for (const address of endpoints[1]!.addresses) {
    const [ours, byHand] = [
      await firstPing(net.containerOn('h1'), address),
      await firstPing(places[0]!, address),
    ];
    expect(ours).toBeLessThan(NOT_ASKED_AGAIN_MS);
    expect(byHand).toBeGreaterThan(NOT_ASKED_AGAIN_MS);
  }
  for (const [at, ns] of bare.entries()) {
    expect(tablesOf(ns).rows).toHaveLength(1);
    expect(tablesOf(overlayOf(HOSTS[at]!))).toEqual(tablesOf(ns));
  }
  for (const monitor of monitors) monitor.kill('SIGKILL');
  const { status } = await net.world.status('h1');
  expect([status?.drift ?? [], status?.failing ?? []]).toEqual([[], []]);
});

test('rows go with their endpoint, and come for the one that takes its address', async () => {
  const [address] = endpoints[1]!.addresses;
  expect(await firstPing(net.containerOn('h1'), address!)).toBeLessThan(NOT_ASKED_AGAIN_MS);
  expect(rowsOf('h1')).toEqual(rowsTowards(1, [0]));
  await net.world.detachAll('h2', 'c-h2');
  await until('the rows are gone', async () => rowsOf('h1').length === 0);
  await net.world.detachAll('h3', 'c-h3');
  const { ok, body } = await net.world.attachTo('h3', 'c-h3', 'red', { addresses: [address] });
  expect([ok, body]).toEqual([true, expect.anything()]);
  await net.world.endpointOf('c-h3');
  ip('-n', net.containerOn('h1'), 'neigh', 'flush', 'dev', 'eth0');
  await until('it is reached there', () => ping(net.containerOn('h1'), address!));
  expect(rowsOf('h1').join()).toContain(vtep('h3'));
});

test('a stranger’s rows go, and one that leads elsewhere is put right', async () => {
  const { mac, addresses } = endpoints[1]!;
  expect(await firstPing(net.containerOn('h1'), addresses[0]!)).toBeLessThan(NOT_ASKED_AGAIN_MS);
  const before = rowsOf('h1');
  const ns = overlayOf('h1');
  bridge('-n', ns, 'fdb', 'replace', mac, 'dev', 'vxlan0', 'dst', '10.99.0.77');
  bridge('-n', ns, 'fdb', 'add', '02:00:00:00:00:99', 'dev', 'vxlan0', 'dst', '10.99.0.77');
  bridge('-n', ns, 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vxlan0', 'dst', '10.99.0.2');
  ip(
    '-n',
    ns,
    'neigh',
    'replace',
    '10.1.0.99',
    'lladdr',
    '02:00:00:00:00:99',
    'dev',
    'vxlan0',
    'nud',
    'permanent',
  );
  await until('the tables are as before', async () => rowsOf('h1').join() === before.join(), 3_000);
  // What nobody wished is not missed; it comes when it is asked for.
  bridge('-n', ns, 'fdb', 'del', mac, 'dev', 'vxlan0', 'dst', '10.99.0.2');
  await sleep(300);
  expect(rowsOf('h1')).toEqual([`${addresses[0]} ${mac}`]);
  await until('a frame that finds no row brings it', () => ping(net.containerOn('h1'), addresses[0]!));
  expect(rowsOf('h1')).toEqual(before);
  ip('-n', ns, 'link', 'del', 'vxlan0');
  await until('the tunnel is back', async () => kernelJson('ip', ns, 'link', 'show', 'vxlan0').length === 1);
  await until('who asks is answered', () => ping(net.containerOn('h1'), endpoints[2]!.addresses[0]!));
});

test('with the agent killed what was asked for goes on, and status says that the rest is not answered', async () => {
  const [near, far] = [endpoints[1]!.addresses, endpoints[2]!.addresses];
  for (const address of near)
    expect(await firstPing(net.containerOn('h1'), address)).toBeLessThan(NOT_ASKED_AGAIN_MS);
  await net.world.agent('h1').stop('SIGKILL');
  ip('-n', net.containerOn('h1'), 'neigh', 'flush', 'dev', 'eth0');
  for (const address of near) expect(await ping(net.containerOn('h1'), address)).toBe(true);
  expect(await ping(net.containerOn('h1'), far[0]!)).toBe(false);
  const notices = async () => {
    const { hosts } = await callOk(net.world.controllerSocket, 'ControllerService/ListHostStatus');
    // biome-ignore lint/suspicious/noExplicitAny: JSON
    return hosts.flatMap(({ status }: any) => status.notices ?? []);
  };
  const code = 'misses-unanswered';
  await until('status says so', async () =>
    (await notices()).some((notice: { code: string }) => notice.code === code),
  );
  expect(await notices()).toHaveLength(1);
  net.world.agent('h1').start();
  await net.world.untilConnected('h1');
  await until('it answers again', () => ping(net.containerOn('h1'), far[0]!));
  for (const address of near) expect(await ping(net.containerOn('h1'), address)).toBe(true);
  await until(
    'status says so no more',
    async () => !(await notices()).some((notice: { code: string }) => notice.code === code),
  );
});

test('a container that scans its network costs the agent little, and the others nothing', async () => {
  const scanner = net.containerOn('h1');
  const other = net.world.addNamespace('other');
  await net.world.attachTo('h1', 'other', 'red');
  const fd = openSync(`/run/netns/${scanner}`, 'r');
  const [link] = kernelJson<{ ifindex: number }>('ip', scanner, 'link', 'show', 'eth0');
  const sender = openFrameSender(link!.ifindex, fd);
  const { mac, addresses } = endpoints[0]!;
  const [startMs, busyMs] = [performance.now(), cpuMs(net.world.agent('h1').pid)];
  let asked = 0;
  const scan = async () => {
    for (; asked < 65_536; asked++) {
      sender.send(encodeArpRequest({ mac, ip: addresses[0]! }, `10.1.${asked >> 8}.${asked & 255}`));
      if (asked % 100 === 0) await sleep(5);
    }
  };
  const [, others] = await Promise.all([
    scan(),
    (async () => {
      await sleep(300);
      return [
        await firstPing(other, endpoints[1]!.addresses[0]!),
        await firstPing(other, endpoints[2]!.addresses[1]!),
      ];
    })(),
  ]);
  const elapsedMs = performance.now() - startMs;
  const share = (cpuMs(net.world.agent('h1').pid) - busyMs) / elapsedMs;
  sender.close();
  for (const ms of others) expect(ms).toBeLessThan(NOT_ASKED_AGAIN_MS);
  expect(elapsedMs).toBeGreaterThan(3_000);
  expect(share).toBeLessThan(0.2);
  // All of it asks for nobody but two: the tables do not grow.
  expect(rowsOf('h1').length).toBeLessThan(10);
  await net.world.detachAll('h1', 'other');
});

/** The same container, behind a bridge that was made by hand. */
function plugByHand(ns: string, { mac, addresses }: EndpointJson, name: string): string {
  const container = net.world.addNamespace(name);
  runIn(ns, [
    'ip link add br0 type bridge mcast_snooping 0',
    'ip link set br0 addrgenmode none',
    'ip link set br0 up',
    'ip link set vxlan0 master br0 addrgenmode none',
    `ip link add p1 type veth peer name eth0 netns ${container} address ${mac}`,
    'ip link set p1 master br0 up',
  ]);
  runIn(container, [
    'ip link set lo up',
    'ip link set eth0 up mtu 1400',
    `ip addr add ${addresses[0]}/16 dev eth0`,
    `ip addr add ${addresses[1]}/64 dev eth0 nodad`,
  ]);
  return container;
}
