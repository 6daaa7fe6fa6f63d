import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { add, del, type KernelWorld } from '#kernel/contract-stage.ts';
import { CONTAINER_PORT, type ExampleNetwork, exampleNetwork } from '#kernel/example-network.ts';
import { kernelContract } from '#kernel/kernel.contract.ts';
import type { Scope } from '#kernel/kernel.ts';
import { RealKernel } from '#kernel/real-kernel.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { kernelKey } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { DOOMED_LINK_GROUP } from '#model/own.ts';
import { bridgeJson, enterHostNamespace, ip, ipJson, realWorld, udpPorts } from './kernel-lab.ts';
import { descriptorsAtRest, openedSince } from './netlink-lab.ts';

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

describe('the real kernel', () => kernelContract(async () => realWorld()));

describe('the real kernel with one message a send', () =>
  kernelContract(async () => realWorld(new RealKernel({ batchSize: 1 }))));

describe('what the real kernel does, as ip and bridge see it', () => {
  let world: KernelWorld;
  let net: ExampleNetwork;
  let scope: Scope;
  let container: string;

  beforeEach(() => {
    world = realWorld();
    const namespace = world.createContainer();
    container = namespace.path.slice('/run/netns/'.length);
    net = exampleNetwork(world.hostTag, world.underlay, namespace);
    scope = { hostTag: world.hostTag, containers: [{ namespace, interfaces: ['eth0'] }] };
  });
  afterEach(() => world.close());

  async function applyAll(...ops: KernelOp[]): Promise<void> {
    const results = await world.kernel.apply(ops, scope);
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  }
  const build = () => applyAll(...net.objects.map(add));

  it('makes the devices with all their attributes, without addresses of their own', async () => {
    await build();
    const links = ipJson('-n', net.ns, 'link', 'show');
    const [bridge, vxlan, port] = ['br0', 'vxlan0', net.port.name].map((name) =>
      links.find(({ ifname }) => ifname === name),
    );
    const quiet = { mtu: 1400, inet6_addr_gen_mode: 'none' };
    expect(bridge).toMatchObject({
      ...quiet,
      linkinfo: { info_data: { stp_state: 0, mcast_snooping: 0, forward_delay: 0 } },
    });
    expect(vxlan).toMatchObject({
      ...quiet,
      master: 'br0',
      link_netnsid: expect.any(Number),
      linkinfo: {
        info_data: { id: 0x100000, port: 4789, local: '192.0.2.1', ttl: 64, learning: false, proxy: true },
        info_slave_data: { learning: false, flood: true, hairpin: false },
      },
    });
    expect(port).toMatchObject({
      ...quiet,
      master: 'br0',
      linkinfo: { info_slave_data: { learning: false, flood: false, mcast_flood: true, bcast_flood: true } },
    });
    for (const { flags } of [bridge, vxlan, port]) expect(flags).toContain('UP');
    expect(ipJson('-n', net.ns, 'addr', 'show').flatMap(({ addr_info }) => addr_info)).toEqual([]);
  });

  it('holds the tunnel’s UDP socket in the host’s namespace', async () => {
    expect(udpPorts()).not.toContain(4789);
    await build();
    expect(udpPorts()).toContain(4789);
  });

  it('writes rows, neighbours, addresses and routes', async () => {
    await build();
    const rows = bridgeJson('-n', net.ns, 'fdb', 'show');
    expect(rows).toContainEqual(
      expect.objectContaining({
        mac: net.remote.mac,
        ifname: 'vxlan0',
        dst: '192.0.2.2',
        state: 'permanent',
      }),
    );
    expect(rows).toContainEqual(
      expect.objectContaining({ mac: net.flood.mac, dst: '192.0.2.2', flags: ['self'] }),
    );
    expect(rows).toContainEqual(
      expect.objectContaining({ mac: net.local.mac, ifname: net.port.name, master: 'br0', state: 'static' }),
    );
    expect(ipJson('-n', net.ns, 'neigh', 'show', 'nud', 'permanent')).toMatchObject([
      { dst: net.neighbour.ip, lladdr: net.neighbour.mac, protocol: '119' },
    ]);
    const [eth0] = ipJson('-n', container, 'addr', 'show', 'dev', 'eth0');
    expect(eth0.addr_info).toContainEqual(expect.objectContaining({ local: '10.0.0.2', prefixlen: 24 }));
    expect(eth0.addr_info).toContainEqual(expect.objectContaining({ local: 'fd00:1::2', nodad: true }));
    for (const family of ['-4', '-6'])
      expect(ipJson('-n', container, family, 'route', 'show', 'default')).toMatchObject([
        { protocol: '119', dev: 'eth0' },
      ]);
  });

  it('sees what ip and bridge have changed', async () => {
    await build();
    ip('-n', net.ns, 'link', 'set', net.port.name, 'type', 'bridge_slave', 'hairpin', 'on');
    ip('-n', net.ns, 'link', 'add', 'stranger0', 'type', 'bridge');
    ip('-n', container, 'addr', 'del', '10.0.0.2/24', 'dev', 'eth0');
    const state = await world.kernel.observe(scope);
    expect(state.link.get(kernelKey(net.port))?.port).toEqual({ ...CONTAINER_PORT, hairpin: true });
    expect(state.link.has(`${net.ns} stranger0`)).toBe(true);
    expect(state.address.has(kernelKey(net.address4))).toBe(false);
    expect(state.route.has(kernelKey(net.route4))).toBe(false);
  });

  it('takes a subnet for routed whoever has written its route', async () => {
    await build();
    ip('-n', container, 'route', 'replace', '10.0.0.0/24', 'dev', 'eth0', 'proto', 'static');
    ip('-n', container, '-6', 'route', 'del', 'fd00:1::/64', 'dev', 'eth0');
    const subnet6 = ['fd00:1::/64', 'dev', 'eth0', 'metric', '256', 'proto', 'static'];
    ip('-n', container, '-6', 'route', 'add', ...subnet6);
    const { address } = await world.kernel.observe(scope);
    for (const each of [net.address4, net.address6])
      expect(address.get(kernelKey(each))).not.toHaveProperty('unrouted');
  });

  it('routes a subnet to its device beside another that somebody has led it to', async () => {
    await build();
    ip('-n', container, 'link', 'add', 'other0', 'up', 'type', 'bridge');
    const asMade = { '10.0.0.0/24': '0', 'fd00:1::/64': '256' };
    for (const [subnet, metric] of Object.entries(asMade))
      ip('-n', container, 'route', 'replace', subnet, 'dev', 'other0', 'metric', metric);
    const seen = await world.kernel.observe(scope);
    for (const each of [net.address4, net.address6]) {
      const was = seen.address.get(kernelKey(each))!;
      expect(was.unrouted).toBe(true);
      await applyAll({ verb: 'change', object: each, was });
    }
    const { address } = await world.kernel.observe(scope);
    for (const each of [net.address4, net.address6])
      expect(address.get(kernelKey(each))).not.toHaveProperty('unrouted');
  });

  it('sees its own route among others to the same place', async () => {
    await build();
    for (const [how, at] of [
      ['append', '10.0.0.8'],
      ['prepend', '10.0.0.9'],
    ] as const)
      ip('-n', container, 'route', how, 'default', 'via', at, 'dev', 'eth0');
    const { route } = await world.kernel.observe(scope);
    expect(route.get(kernelKey(net.route4))).toEqual(net.route4);
  });

  it('leaves routes alone that are for some packets only', async () => {
    await build();
    const own = [...(await world.kernel.observe(scope)).route.keys()];
    const like = ['dev', 'eth0', 'proto', '119'];
    ip('-n', container, 'route', 'add', 'default', 'tos', '8', ...like);
    ip('-n', container, '-6', 'route', 'add', '2001:db8::/32', 'from', '2001:db8:1::/48', ...like);
    ip('-n', net.ns, 'route', 'add', '198.51.100.0/24', 'dev', 'br0', 'tos', '8');
    const { route } = await world.kernel.observe(scope);
    expect([...route.keys()]).toEqual(own);
    expect(route.get(kernelKey(net.route4))).toEqual(net.route4);
  });

  it('deletes an address that has a peer elsewhere, and none beside it', async () => {
    await build();
    const before = (await world.kernel.observe(scope)).address;
    for (const peer of ['198.51.100.9/24', '2001:db8::9/64'])
      ip(
        '-n',
        net.ns,
        'addr',
        'add',
        peer.includes(':') ? 'fd00:9::1' : '10.9.0.1',
        'peer',
        peer,
        'dev',
        'br0',
      );
    const seen = [...(await world.kernel.observe(scope)).address.values()];
    const extra = seen.filter((each) => !before.has(kernelKey(each)));
    expect(extra.map(({ address }) => address)).toEqual(['10.9.0.1/24', 'fd00:9::1/64']);
    await applyAll(...extra.map(del));
    expect((await world.kernel.observe(scope)).address).toEqual(before);
  });

  it('looks past devices that are no Ethernet', async () => {
    await build();
    ip('-n', net.ns, 'tuntap', 'add', 'tun0', 'mode', 'tun');
    const state = await world.kernel.observe(scope);
    expect(state.link.get(`${net.ns} tun0`)?.detail).toEqual({ type: 'other', linkKind: 'tun' });
  });

  it('sees a name that was left without a namespace, and deletes it', async () => {
    writeFileSync(`/run/netns/${net.ns}`, '');
    const hollow = { kind: 'namespace', ns: net.ns, hollow: true } as const;
    expect([...(await world.kernel.observe(scope)).namespace.values()]).toEqual([hollow]);
    await applyAll(del(hollow));
    expect(existsSync(`/run/netns/${net.ns}`)).toBe(false);
    expect((await world.kernel.observe(scope)).namespace.size).toBe(0);
  });

  it('makes a namespace behind such a name', async () => {
    writeFileSync(`/run/netns/${net.ns}`, '');
    await build();
    expect((await world.kernel.observe(scope)).namespace.has(net.ns)).toBe(true);
  });

  it('spares a port that a process which died had doomed', async () => {
    await build();
    ip('-n', net.ns, 'link', 'set', net.port.name, 'group', String(DOOMED_LINK_GROUP));
    const others = ['x1', 'x2'].map((name) => ({
      ...net.bridge,
      name,
      mac: `02:00:00:00:aa:${name.replace('x', '0')}` as Mac,
    }));
    await applyAll(...others.map(add));
    await applyAll(...others.map(del));
    expect(
      ipJson('-n', net.ns, 'link', 'show')
        .map(({ ifname }) => ifname)
        .sort(),
    ).toEqual(['br0', 'lo', net.port.name, 'vxlan0'].sort());
  });

  it('remembers no container that is looked at no more', async () => {
    await build();
    await world.kernel.observe(scope);
    await world.kernel.observe({ ...scope, containers: [] });
    const heard: unknown[] = [];
    const stop = world.kernel.watch((event) => heard.push('ns' in event && event.ns));
    ip('-n', container, 'addr', 'add', '10.9.9.9/32', 'dev', 'lo');
    ip('-n', net.ns, 'link', 'add', 'x1', 'type', 'bridge');
    await expect.poll(() => heard, { timeout: 10_000 }).toContain(net.ns);
    expect(heard).not.toContain(`/run/netns/${container}`);
    stop();
  });

  it('leaves nothing open', async () => {
    await build();
    const before = await descriptorsAtRest();
    const stop = world.kernel.watch(() => {});
    await build();
    await world.kernel.observe(scope);
    stop();
    await applyAll(
      ...net.objects
        .filter((object) => object !== net.lo)
        .map(del)
        .reverse(),
    );
    await expect.poll(() => openedSince(before), { timeout: 10_000 }).toEqual([]);
  });

  it('writes and reads many rows, and tells of them once', async () => {
    await build();
    const events: unknown[] = [];
    const stop = world.kernel.watch((event) => events.push(event));
    const rows = Array.from({ length: 3000 }, (_, i) => ({
      ...net.remote,
      mac: `02:00:01:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}` as Mac,
    }));
    await applyAll(...rows.map(add));
    expect(events).toEqual([{ dirty: 'all' }]);
    stop();
    const { fdb } = await world.kernel.observe(scope);
    for (const row of rows) expect(fdb.get(kernelKey(row))).toEqual(row);
  });
});
