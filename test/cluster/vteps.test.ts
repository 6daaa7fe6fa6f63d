import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FIRST_AUTOMATIC_VNI } from '#model/vni.ts';
import { call, callOk, type NetworkJson } from '../world/api.ts';
import { ip, kernelJson } from '../world/namespaces.ts';
import { ping, pingAll } from '../world/talk.ts';
import { ThreeHosts } from '../world/three-hosts.ts';
import { tunnelledWhile } from '../world/tunnelled.ts';
import { until } from '../world/world.ts';
import { buildIfStale } from './lab-cli.ts';

/** Where tunnels end on hosts with several interfaces and addresses, and with many networks. */

const HOSTS = ['h1', 'h2'];
const net = new ThreeHosts();
beforeAll(async () => {
  buildIfStale();
  await net.start();
});
afterAll(() => net.remove());

/** A second wire between two hosts, with addresses of its own, by which one of them sends to the other's VTEP. */
function addDetour(): void {
  const [h1, h2] = HOSTS.map((host) => net.hostNamespace(host)) as [string, string];
  ip('-n', h1, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', h2);
  for (const [i, ns] of [h1, h2].entries()) {
    // Nobody is asked for from a link-local address that is still tentative (ndisc_send_ns in net/ipv6/ndisc.c).
    ip('-n', ns, 'link', 'set', 'eth1', 'addrgenmode', 'none', 'up');
    ip('-n', ns, 'address', 'add', `fe80::${i + 1}/64`, 'dev', 'eth1', 'nodad');
    ip('-n', ns, 'address', 'add', `10.98.0.${i + 1}/24`, 'dev', 'eth1');
    ip('-n', ns, 'address', 'add', `fd98::${i + 1}/64`, 'dev', 'eth1', 'nodad');
  }
  ip('-n', h1, 'route', 'add', '10.99.0.2/32', 'via', '10.98.0.2', 'dev', 'eth1');
  ip('-n', h1, '-6', 'route', 'add', 'fd99::2/128', 'via', 'fd98::2', 'dev', 'eth1');
}

describe('a host with several interfaces and addresses', () => {
  beforeAll(() => {
    // As the kernel would choose them: more of the same subnet, and another interface on the way.
    for (const host of HOSTS)
      for (const address of ['10.99.0.200', '10.99.0.100'])
        ip(
          '-n',
          net.hostNamespace(host),
          'address',
          'add',
          `${address.slice(0, -1)}${host.slice(1)}/24`,
          'dev',
          'eth0',
        );
    addDetour();
  });

  test.each([
    { underlay: 'ipv4', from: '10.99.0.1', to: '10.99.0.2' },
    { underlay: 'ipv6', from: 'fd99::1', to: 'fd99::2' },
  ] as const)(
    'sends from the VTEP that all know, whichever way it sends: $underlay',
    async ({ underlay, from, to }) => {
      await net.network('red', { mode: 'proxy', underlay });
      const [, c2] = await net.attachAll('red', HOSTS);
      const sent = await tunnelledWhile(
        net.hostNamespace('h1'),
        async () => expect(await pingAll(net.containerOn('h1'), c2!.addresses)).toEqual([]),
        'eth1',
      );
      expect(sent.length).toBeGreaterThan(1);
      expect(new Set(sent.map((frame) => `${frame.from} > ${frame.to}`))).toEqual(
        new Set([`${from} > ${to}`]),
      );
      await net.removeNetwork('red');
    },
  );
});

test('twelve networks share a VTEP and a UDP port, each by its VNI', async () => {
  const count = 12;
  const networks: NetworkJson[] = [];
  for (let i = 0; i < count; i++)
    networks.push(await net.network(`n${i}`, { mode: 'proxy', subnets: [`10.${100 + i}.0.0/24`] }));
  expect(networks.map(({ vni }) => vni)).toEqual(networks.map((_, i) => FIRST_AUTOMATIC_VNI + i));
  for (const { name } of networks) await net.attachAll(name, HOSTS);
  const endpointsOf = async () => (await net.world.records()).endpoints;
  await until('all are known', async () => (await endpointsOf()).length === count * HOSTS.length);
  const far = (await endpointsOf()).filter(({ name }) => name === 'c-h2');
  expect(far).toHaveLength(count);
  const frames = await tunnelledWhile(
    net.hostNamespace('h1'),
    async () => {
      for (const { addresses } of far) expect(await ping(net.containerOn('h1'), addresses[0]!)).toBe(true);
    },
    'eth1',
  );
  expect(new Set(frames.map(({ vni }) => vni))).toEqual(new Set(networks.map(({ vni }) => vni)));
  for (const { name, vni } of networks) {
    const overlay = `${net.world.overlaysOf('h1')}${vni.toString(16)}`;
    const [device] = kernelJson<{ linkinfo: { info_data: { id: number; local: string; port: number } } }>(
      'ip',
      overlay,
      'link',
      'show',
      'vxlan0',
    );
    expect(device!.linkinfo.info_data, name).toMatchObject({ id: vni, local: '10.99.0.1', port: 4789 });
  }
  for (const host of HOSTS) await net.world.detachAll(host, `c-${host}`);
  await net.world.untilAllDetached();
  for (const { name } of networks)
    await callOk(net.world.controllerSocket, 'ControllerService/RemoveNetwork', { network: name });
});

test('what a host has come to route since it registered is no network’s subnet', async () => {
  // As Docker makes its bridges, when the agent has long been there.
  const bridge = (...words: string[]) => ip('-n', net.hostNamespace('h1'), ...words, 'dev', 'docker0');
  ip('-n', net.hostNamespace('h1'), 'link', 'add', 'docker0', 'type', 'bridge');
  bridge('address', 'add', '172.17.0.1/16');
  bridge('link', 'set', 'up');
  const subnet = { name: 'late', subnets: ['172.17.128.0/20'] };
  const make = () => call(net.world.controllerSocket, 'ControllerService/CreateNetwork', subnet);
  const isRefused = async () => {
    const { ok, body } = await make();
    if (ok) await callOk(net.world.controllerSocket, 'ControllerService/RemoveNetwork', { network: 'late' });
    else expect(JSON.stringify(body)).toContain('overlaps the route to 172.17.0.0/16 on host h1');
    return !ok;
  };
  await until('the controller has heard of it', isRefused, 30_000, 500);
  bridge('link', 'del');
  await until('and that it is gone', async () => !(await isRefused()), 30_000, 500);
});
