import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callOk, type EndpointJson } from '../world/api.ts';
import { ip } from '../world/namespaces.ts';
import { ping, pingAll } from '../world/talk.ts';
import { HOSTS, ThreeHosts } from '../world/three-hosts.ts';
import { until } from '../world/world.ts';
import { buildIfStale } from './lab-cli.ts';

/** Where tunnels end: a host's address can become another while containers talk. */

const net = new ThreeHosts();
let endpoints: EndpointJson[];
beforeAll(async () => {
  buildIfStale();
  await net.start();
});
afterAll(() => net.remove());

/** What h1 sends to h2's container goes there; `ip -d link` of h2 says where its own tunnels end. */
const seenFromH1 = (overlay: string): string =>
  execFileSync('bridge', ['-n', overlay, 'fdb', 'show', 'dev', 'vxlan0'], { encoding: 'utf8' });
const deviceOf = (overlay: string): string =>
  execFileSync('ip', ['-n', overlay, '-d', 'link', 'show', 'vxlan0'], { encoding: 'utf8' });

test('an address that comes to an interface beside the host’s own does not become where tunnels end', async () => {
  const floating = ['10.99.0.222/24', 'fd99::222/64'];
  const onH2 = (verb: string) => {
    for (const address of floating)
      ip('-n', net.hostNamespace('h2'), 'addr', verb, address, 'dev', 'eth0', 'nodad');
  };
  onH2('add');
  // A host looks every two seconds where its tunnels end.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const { hosts } = await net.world.records();
  onH2('del');
  expect(hosts.find(({ name }) => name === 'h2')!.underlay).toEqual(['10.99.0.2', 'fd99::2']);
});

test('an underlay that carries less than it did loses full packets, and status says so', async () => {
  await net.network('red', { mode: 'proxy' });
  const [, c2] = await net.attachAll('red', ['h1', 'h2']);
  const full = () => ping(net.containerOn('h1'), c2!.addresses[0]!, '-M', 'do', '-s', '1400');
  const noticed = async () => {
    const { status } = await net.world.status('h2');
    return status?.notices?.some(({ code }) => code === 'underlay-mtu-too-small') ?? false;
  };
  const setMtu = (mtu: number) =>
    ip('-n', net.hostNamespace('h2'), 'link', 'set', 'eth0', 'mtu', String(mtu));
  expect([await full(), await noticed()]).toEqual([true, false]);
  setMtu(1400);
  expect(await full()).toBe(false);
  await until('it is said', noticed);
  setMtu(1500);
  await until('nothing is said any more', async () => !(await noticed()));
  expect(await full()).toBe(true);
  await net.removeNetwork('red');
});

test('an underlay that no frame passes by is named, by what ails it', async () => {
  await net.network('red', { mode: 'proxy' });
  const [, c2] = await net.attachAll('red', ['h1', 'h2']);
  const reaches = () => ping(net.containerOn('h1'), c2!.addresses[0]!);
  const noticed = async () =>
    (await net.world.status('h2')).status?.notices?.map(({ code, sentence }) => `${code}: ${sentence}`) ?? [];
  expect([await reaches(), await noticed()]).toEqual([true, []]);
  const ends = [
    { ns: 'wire', dev: 'p1', ailment: 'has no carrier' },
    { ns: 'h2', dev: 'eth0', ailment: 'is down' },
  ];
  for (const { ns, dev, ailment } of ends) {
    const set = (state: string) => ip('-n', net.world.containerOf(ns), 'link', 'set', dev, state);
    set('down');
    expect(await reaches()).toBe(false);
    await until('it is said', async () => (await noticed()).some((text) => text.includes(ailment)));
    expect(await noticed()).toEqual([expect.stringMatching(/^underlay-down: eth0, .* do not reach/)]);
    set('up');
    ip('-n', net.hostNamespace('h2'), 'addr', 'replace', 'fd99::2/64', 'dev', 'eth0', 'nodad');
    await until('nothing is said any more', async () => (await noticed()).length === 0);
    await until('it carries', reaches);
  }
  await net.removeNetwork('red');
});

test.each([
  { loses: 'its addresses', away: ['addr', 'flush', 'dev', 'eth0'], back: [] },
  {
    loses: 'its interface’s name',
    away: ['link', 'set', 'eth0', 'down', 'name', 'ens3'],
    back: ['link', 'set', 'ens3', 'name', 'eth0'],
  },
])('a host that loses $loses says so, and heals when it has them again', async ({ away, back }) => {
  await net.network('red', { mode: 'proxy' });
  endpoints = await net.attachAll('red');
  const codes = async () => (await net.world.status('h2')).status?.notices?.map(({ code }) => code) ?? [];
  const onH2 = (...words: string[]) => ip('-n', net.hostNamespace('h2'), ...words);
  onH2(...away);
  await until('it is said', async () => (await codes()).includes('underlay-untold'));
  if (back.length > 0) onH2(...back);
  onH2('link', 'set', 'eth0', 'up');
  onH2('addr', 'replace', '10.99.0.2/24', 'dev', 'eth0');
  onH2('addr', 'replace', 'fd99::2/64', 'dev', 'eth0', 'nodad');
  await until('all is well', async () => (await codes()).length === 0);
  const all = endpoints.flatMap(({ addresses }) => addresses);
  for (const host of HOSTS)
    await until(`${host} reaches all`, async () => (await pingAll(net.containerOn(host), all)).length === 0);
  await net.removeNetwork('red');
});

test('hosts that have each other’s address now are found there', async () => {
  const addresses = { h1: '10.99.0.1/24', h2: '10.99.0.2/24' };
  const give = (to: Readonly<Record<string, string>>) => {
    for (const host of Object.keys(to))
      ip('-n', net.hostNamespace(host), 'addr', 'flush', 'dev', 'eth0', 'scope', 'global');
    for (const [host, address] of Object.entries(to))
      ip('-n', net.hostNamespace(host), 'addr', 'add', address, 'dev', 'eth0');
  };
  await net.network('red', { mode: 'proxy' });
  endpoints = await net.attachAll('red');
  const all = endpoints.flatMap(({ addresses }) => addresses);
  const untilWell = async () => {
    for (const host of HOSTS)
      await until(
        `${host} reaches all`,
        async () => (await pingAll(net.containerOn(host), all)).length === 0,
      );
    for (const host of HOSTS)
      await until(`${host} is well`, async () => !(await net.world.status(host)).status?.notices?.length);
  };
  give({ h1: addresses.h2, h2: addresses.h1 });
  await untilWell();
  // As after a power cut, with what the hosts know from before.
  for (const host of ['h1', 'h2']) await net.world.untilViewKept(host);
  for (const host of ['h1', 'h2']) await net.world.agent(host).stop('SIGKILL');
  give(addresses);
  for (const host of ['h1', 'h2']) net.world.agent(host).start();
  for (const host of ['h1', 'h2']) await net.world.untilConnected(host);
  await untilWell();
  await net.removeNetwork('red');
  for (const host of ['h1', 'h2'])
    ip('-n', net.hostNamespace(host), 'addr', 'add', `fd99::${host.slice(1)}/64`, 'dev', 'eth0', 'nodad');
});

describe.sequential.each(['proxy', 'flood', 'multicast', 'on-demand'])('a host’s address in %s', (mode) => {
  let vni: string;
  beforeAll(async () => {
    vni = (await net.network('red', { mode })).vni.toString(16);
    endpoints = await net.attachAll('red');
    expect(await pingAll(net.containerOn('h1'), endpoints[1]!.addresses)).toEqual([]);
  });
  afterAll(() => net.removeNetwork('red'));

  test.each([
    ['10.99.0.2/24', '10.99.0.22/24'],
    ['10.99.0.22/24', '10.99.0.2/24'],
  ])('becomes another: %s → %s, and all hosts follow', async (from, to) => {
    const h2 = net.hostNamespace('h2');
    ip('-n', h2, 'addr', 'del', from, 'dev', 'eth0');
    ip('-n', h2, 'addr', 'add', to, 'dev', 'eth0');
    const vtep = to.slice(0, -3);
    await until('h2 sends from it', async () =>
      deviceOf(`${net.world.overlaysOf('h2')}${vni}`).includes(`local ${vtep} `),
    );
    await until('h1 sends to it', async () => {
      if (mode !== 'multicast') await pingAll(net.containerOn('h1'), endpoints[1]!.addresses);
      const rows = seenFromH1(`${net.world.overlaysOf('h1')}${vni}`);
      return (
        mode === 'multicast' || (rows.includes(`dst ${vtep} `) && !rows.includes(`dst ${from.slice(0, -3)} `))
      );
    });
    for (const host of HOSTS) {
      const all = endpoints.flatMap(({ addresses }) => addresses);
      await until(
        `${host} reaches all`,
        async () => (await pingAll(net.containerOn(host), all)).length === 0,
      );
    }
  });
});

test('a host whose state was copied to another machine says so, and is found again where it is', async () => {
  await net.network('red', { mode: 'proxy' });
  endpoints = await net.attachAll('red');
  const isReached = async () => (await pingAll(net.containerOn('h1'), endpoints[1]!.addresses)).length === 0;
  await until('h2 is reached', isReached);
  const { id, name } = (await net.world.records()).hosts.find((host) => host.name === 'h2')!;
  // What the copy's agent says when it starts.
  const facts = { underlayMtu: 1500, underlayInterfaces: ['eth0'] };
  const words = { id, name, underlay: ['10.99.0.44'], facts };
  await callOk(net.world.controllerSocket, 'ControllerService/RegisterHost', words);
  const notices = async () => (await net.world.status('h2')).status?.notices ?? [];
  const isSaid = async () => (await notices()).some(({ code }) => code === 'host-doubled');
  await until('it is said', isSaid, 60_000);
  await until('h2 is reached again', isReached, 60_000);
  await net.removeNetwork('red');
});
