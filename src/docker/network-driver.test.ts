import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DoorAttached } from '#api/door.ts';
import { testNetwork } from './test-door.ts';
import {
  begin,
  beginAnew,
  book,
  call,
  copyOf,
  creation,
  door,
  E1,
  kicks,
  N1,
  N2,
  pool,
  refusal,
  requestPool,
} from './test-drivers.ts';

beforeEach(beginAnew);

describe('a network', () => {
  it('that Weft has put into Docker is known by the option of both drivers', async () => {
    await copyOf('app', '10.1.0.0/16');
    expect(book.get(N1!)?.network).toBe(door.made[0]!.id);
    begin();
    expect(book.get(N1!)?.network).toBe(door.made[0]!.id);
  });

  it('that only the network driver is told of has pools of no network, also after a restart', async () => {
    door.addNetwork(testNetwork('app', ['10.1.0.0/16']));
    const { PoolID } = await requestPool('10.1.0.0/16');
    await call(
      'NetworkDriver.CreateNetwork',
      creation(N1!, [pool('10.1.0.0/16')], { 'weft.network': 'app' }),
    );
    const ask = { PoolID, Address: '' };
    expect((await call('IpamDriver.RequestAddress', ask)).Address).toBe('10.1.0.2/16');
    begin();
    expect((await call('IpamDriver.RequestAddress', ask)).Address).toBe('10.1.0.3/16');
    // Another would have the very same pool.
    expect(await refusal('IpamDriver.RequestPool', { AddressSpace: 'weft', Pool: '10.1.0.0/16' })).toContain(
      'weft network create',
    );
  });

  it('without a subnet may be one that exists, and then gives its addresses, also after a restart', async () => {
    const { id } = door.addNetwork(testNetwork('app', ['10.1.0.0/24'], { vni: 77 as never }));
    door.connected = false;
    const { Pool, PoolID } = await requestPool();
    expect(Pool).toBe('10.128.0.0/20');
    await call('NetworkDriver.CreateNetwork', creation(N1!, [pool(Pool)], { 'weft.vni': '77' }));
    await book.update(N1!, { network: id });
    for (const address of ['10.1.0.2/24', '10.1.0.3/24']) {
      expect(await call('IpamDriver.RequestAddress', { PoolID, Address: '' })).toMatchObject({
        Address: address,
      });
      begin();
    }
    await call('IpamDriver.ReleaseAddress', { PoolID, Address: '10.1.0.3' });
    expect(door.holds).toEqual(new Set([`${id} 10.1.0.2`]));
  });

  it('without a subnet that no network can be is refused like others', async () => {
    door.addNetwork(testNetwork('app', ['10.1.0.0/24'], { vni: 77 as never }));
    const { Pool } = await requestPool();
    const other = creation(N1!, [pool(Pool)], { 'weft.vni': '77', 'weft.mode': 'flood' });
    expect(await refusal('NetworkDriver.CreateNetwork', other)).toContain('-o weft.vni "77": is taken');
  });

  it('without a subnet and with the name of one that exists joins that', async () => {
    const { id } = door.addNetwork(testNetwork('app', ['10.1.0.0/24']));
    for (const [NetworkID, option] of [
      [N1, 'weft.name'],
      [N2, 'weft.network'],
    ] as const) {
      const { Pool } = await requestPool();
      await call('NetworkDriver.CreateNetwork', creation(NetworkID!, [pool(Pool)], { [option]: 'app' }));
      expect(book.get(NetworkID!)?.network).toBe(id);
      await call('NetworkDriver.DeleteNetwork', { NetworkID });
    }
  });

  it('with a name for Weft is made there before Docker has it', async () => {
    await requestPool('10.1.0.0/16');
    await call(
      'NetworkDriver.CreateNetwork',
      creation(N1!, [pool('10.1.0.0/16')], { 'weft.name': 'app', 'weft.vni': '77' }),
    );
    expect(door.made).toMatchObject([{ name: 'app', vni: 77 }]);
    expect(book.get(N1!)?.network).toBe(door.made[0]!.id);
  });

  it('without a name is noted, and asked for afterwards', async () => {
    const before = kicks.count;
    await call(
      'NetworkDriver.CreateNetwork',
      creation(
        N1!,
        [pool('10.1.0.0/16', { Gateway: '10.1.0.9/16' })],
        {},
        { 'com.docker.network.internal': true },
      ),
    );
    expect(book.get(N1!)).toMatchObject({
      subnets: ['10.1.0.0/16'],
      words: { gateways: ['10.1.0.9'], internal: true },
    });
    expect(book.get(N1!)?.network).toBeUndefined();
    expect(door.made).toEqual([]);
    expect(kicks.count).toBeGreaterThan(before);
  });

  it('whose gateway was asked for against what was offered has that, and another is told so', async () => {
    const network = testNetwork('app', ['10.1.0.0/16']);
    const gateway = '10.1.255.254' as never;
    door.addNetwork({ ...network, subnets: [{ ...network.subnets[0]!, gateway }] });
    const asking = creation(N1!, [pool('10.1.0.0/16', { Gateway: '10.1.0.1/16' })]);
    await call('NetworkDriver.CreateNetwork', asking);
    expect(book.get(N1!)?.words.gateways).toEqual(['10.1.0.1']);
    asking.Options['com.docker.network.generic'] = { 'weft.name': 'app' };
    expect(await refusal('NetworkDriver.CreateNetwork', { ...asking, NetworkID: N2 })).toContain(
      '--gateway "10.1.0.1": is not the gateway of network app; use 10.1.255.254',
    );
  });

  it('may be told of twice', async () => {
    for (let i = 0; i < 2; i++)
      await call('NetworkDriver.CreateNetwork', creation(N1!, [pool('10.1.0.0/16')], { 'weft.name': 'app' }));
    expect(door.made).toHaveLength(1);
  });

  it('that a user removes stays away; one whose network is gone is only forgotten', async () => {
    await copyOf('app', '10.1.0.0/16');
    const { id } = door.made[0]!;
    await call('NetworkDriver.DeleteNetwork', { NetworkID: N1 });
    expect(book.isDeclined(id)).toBe(true);
    await call('NetworkDriver.DeleteNetwork', { NetworkID: N1 });
    await requestPool('10.1.0.0/16', { Options: { 'weft.network': id } });
    await call('NetworkDriver.CreateNetwork', creation(N2!, [pool('10.1.0.0/16')], { 'weft.network': id }));
    expect(book.isDeclined(id)).toBe(false);
    door.removeNetwork(id);
    await call('NetworkDriver.DeleteNetwork', { NetworkID: N2 });
    expect(book.isDeclined(id)).toBe(false);
    expect(book.all()).toEqual([]);
  });

  it('that a user removes stays away, though the agent has yet to hear of it again', async () => {
    await copyOf('app', '10.1.0.0/16');
    const { id } = door.made[0]!;
    door.removeNetwork(id);
    door.connected = false;
    await call('NetworkDriver.DeleteNetwork', { NetworkID: N1 });
    expect(book.isDeclined(id)).toBe(true);
  });

  it('of no family is refused', async () => {
    expect(await refusal('NetworkDriver.CreateNetwork', creation(N1!, []))).toContain('add --ipv6');
  });

  it.each<[string, object, object, string]>([
    [
      "Docker's own addresses",
      { AddressSpace: 'LocalDefault', Pool: '172.18.0.0/16' },
      {},
      'docker network create -d weft --ipam-driver weft --subnet 172.18.0.0/16 NAME',
    ],
    [
      'no addresses',
      { AddressSpace: 'null', Pool: '0.0.0.0/0' },
      {},
      'docker network create -d weft --ipam-driver weft NAME',
    ],
    [
      'an auxiliary address',
      pool('10.1.0.0/16', { AuxAddresses: { a: '10.1.0.9/16' } }),
      {},
      '--aux-address "a=10.1.0.9/16"',
    ],
    [
      'an option of nobody',
      pool('10.1.0.0/16'),
      { 'weft.colour': 'red' },
      '-o weft.colour "red": is not an option of Weft',
    ],
    ['encryption', pool('10.1.0.0/16'), { encrypted: '' }, 'does not encrypt'],
    [
      'a mode of nobody',
      pool('10.1.0.0/16'),
      { 'weft.mode': 'x' },
      '-o weft.mode "x": is not known; use one of p2p',
    ],
    [
      'an impossible VNI',
      pool('10.1.0.0/16'),
      { 'weft.vni': '16777216' },
      '-o weft.vni "16777216": is not a VNI',
    ],
    [
      'two MTUs',
      pool('10.1.0.0/16'),
      { 'weft.mtu': '1400', 'com.docker.network.driver.mtu': '1300' },
      'is 1400 by another option',
    ],
    [
      'a VNI that is taken',
      pool('10.3.0.0/16'),
      { 'weft.vni': '5' },
      '-o weft.vni "5": is taken by another network',
    ],
    [
      'another subnet than the network has',
      pool('10.3.0.0/16'),
      { 'weft.name': 'there' },
      '--ipam-opt weft.network=there',
    ],
    [
      'another mode than the network has',
      pool('10.2.0.0/16'),
      { 'weft.name': 'there', 'weft.mode': 'flood' },
      '-o weft.mode "flood": is proxy there',
    ],
    [
      'a network of nobody',
      pool('10.3.0.0/16'),
      { 'weft.network': 'nope' },
      '-o weft.network "nope": is not a network',
    ],
  ])('with %s is refused, and nothing is left of it', async (_, data, options, text) => {
    door.addNetwork(testNetwork('there', ['10.2.0.0/16'], { vni: 5 as never }));
    expect(await refusal('NetworkDriver.CreateNetwork', creation(N1!, [data], options))).toContain(text);
    expect(book.all()).toEqual([]);
    expect(door.made).toHaveLength(1);
    expect(door.written.size).toBe(0);
  });

  it('lists all that is wrong at once', async () => {
    const text = await refusal(
      'NetworkDriver.CreateNetwork',
      creation(N1!, [pool('x')], { 'weft.mode': 'x', 'weft.port': 'y' }),
    );
    expect(text.split('\n')).toHaveLength(3);
  });

  it('that nobody heard of cannot be made without the controller, which is said at once', async () => {
    door.connected = false;
    const create = creation(N1!, [pool('10.1.0.0/16')]);
    expect(await refusal('NetworkDriver.CreateNetwork', create)).toContain('controller');
    // With the subnet of one that is known it may be that one.
    door.addNetwork(testNetwork('app', ['10.1.0.0/16']));
    await call('NetworkDriver.CreateNetwork', create);
  });
});

describe('an endpoint', () => {
  const endpoint = { NetworkID: N1, EndpointID: E1 };
  const create = (Interface: object) =>
    call('NetworkDriver.CreateEndpoint', { ...endpoint, Interface, Options: {} });

  it('gets an address, a port, and a MAC if it has none', async () => {
    const PoolID = await copyOf('app', '10.1.0.0/16');
    const { Address } = await call('IpamDriver.RequestAddress', { PoolID, Address: '', Options: null });
    expect(Address).toBe('10.1.0.2/16');
    const { Interface } = await create({ Address, AddressIPv6: '', MacAddress: '' });
    expect(Interface).toEqual({ MacAddress: door.attached()[0]!.endpoint.mac });
    expect(
      await call('NetworkDriver.Join', { ...endpoint, SandboxKey: '/run/docker/netns/1', Options: {} }),
    ).toEqual({
      InterfaceName: { SrcName: door.attached()[0]!.hostInterface, DstPrefix: 'eth' },
    });
    expect(door.attached()[0]!.sandboxPath).toBe('/run/docker/netns/1');
    expect((await call('NetworkDriver.EndpointOperInfo', endpoint)).Value).toMatchObject({
      'weft.network': 'app',
      'weft.vni': '1048576',
      'weft.mode': 'proxy',
      'weft.vteps': '192.0.2.2',
    });
    expect(await call('NetworkDriver.Leave', endpoint)).toEqual({});
    expect(await call('NetworkDriver.DeleteEndpoint', endpoint)).toEqual({});
    expect(await call('IpamDriver.ReleaseAddress', { PoolID, Address: '10.1.0.2' })).toEqual({});
    expect(door.attached()).toEqual([]);
  });

  it('is told nothing that it asked for itself: dockerd would take that for a change', async () => {
    await copyOf('app', '10.1.0.0/16');
    const { Interface } = await create({ Address: '10.1.0.7/16', MacAddress: '02:00:00:00:00:99' });
    expect(Interface).toEqual({});
    expect(door.attached()[0]!.endpoint).toMatchObject({ mac: '02:00:00:00:00:99', addresses: ['10.1.0.7'] });
  });

  it('has no options of its own: those of a network are refused, others are not for Weft', async () => {
    await copyOf('app', '10.1.0.0/16');
    const ask = (Options: object) => ({ ...endpoint, Interface: { Address: '10.1.0.7/16' }, Options });
    expect(await refusal('NetworkDriver.CreateEndpoint', ask({ 'weft.mtu': '1300' }))).toContain(
      '--driver-opt weft.mtu "1300": is of a network',
    );
    expect(door.attached()).toEqual([]);
    await call(
      'NetworkDriver.CreateEndpoint',
      ask({ 'com.docker.network.endpoint.sysctls': 'x', parent: '' }),
    );
  });

  it('is made once, however often it is asked for', async () => {
    await copyOf('app', '10.1.0.0/16');
    const first = await create({ Address: '10.1.0.7/16' });
    expect(await create({ Address: '10.1.0.7/16' })).toEqual(first);
    expect(door.attached()).toHaveLength(1);
  });

  it("takes the network's gateway only where that is the way out", async () => {
    await copyOf('app', '10.1.0.0/16');
    door.made[0] = { ...door.made[0]!, gateway: 'anycast' };
    await create({ Address: '10.1.0.7/16' });
    const join = { ...endpoint, SandboxKey: '/s' };
    expect(await call('NetworkDriver.Join', join)).toMatchObject({ Gateway: '10.1.0.1' });
    door.made[0] = { ...door.made[0]!, internal: true };
    expect(await call('NetworkDriver.Join', join)).not.toHaveProperty('Gateway');
  });

  it('leaves by Docker’s way out, not by the gateway, where Docker is to publish ports of it', async () => {
    await copyOf('app', '10.1.0.0/16');
    door.made[0] = { ...door.made[0]!, gateway: 'anycast' };
    await create({ Address: '10.1.0.7/16' });
    const publishing = (ports: unknown) => ({
      ...endpoint,
      SandboxKey: '/s',
      Options: { 'com.docker.network.portmap': ports, 'com.docker.network.endpoint.exposedports': [{}] },
    });
    const ports = [{ Proto: 6, IP: '', Port: 80, HostIP: '', HostPort: 8080, HostPortEnd: 8080 }];
    expect(await call('NetworkDriver.Join', publishing(ports))).not.toHaveProperty('Gateway');
    for (const none of [[], null, 'none'])
      expect(await call('NetworkDriver.Join', publishing(none))).toHaveProperty('Gateway');
    expect(await call('NetworkDriver.ProgramExternalConnectivity', publishing(ports))).toEqual({});
  });

  it('waits for a network that Docker has yet to name', async () => {
    await requestPool('10.1.0.0/16');
    await call('NetworkDriver.CreateNetwork', creation(N1!, [pool('10.1.0.0/16')]));
    const PoolID = `${door.host}/-/10.1.0.0/16`;
    const asked = call('IpamDriver.RequestAddress', { PoolID, Address: '' });
    const { id } = door.addNetwork(testNetwork('app', ['10.1.0.0/16']));
    await book.update(N1!, { network: id });
    expect((await asked).Address).toBe('10.1.0.2/16');
  });

  it('waits for its network to be heard of, after a restart with an old view', async () => {
    await copyOf('app', '10.1.0.0/16');
    const [network] = door.made.splice(0);
    begin();
    const asked = create({ Address: '10.1.0.7/16' });
    await sleep(10);
    door.addNetwork(network!);
    expect((await asked).Interface.MacAddress).toBeDefined();
  });

  it('of a network that nobody makes is refused, with the reason', async () => {
    await call('NetworkDriver.CreateNetwork', creation(N1!, [pool('10.1.0.0/16')]));
    const request = { PoolID: `${door.host}/-/10.1.0.0/16`, Address: '' };
    expect(await refusal('IpamDriver.RequestAddress', request)).toContain('still being made');
    door.connected = false;
    expect(await refusal('IpamDriver.RequestAddress', request)).toContain('controller, which is away');
    expect(await refusal('NetworkDriver.CreateEndpoint', { ...endpoint, NetworkID: N2 })).toContain(
      'docker network rm',
    );
  });

  it('that nobody knows leaves well, as often as it likes', async () => {
    for (let i = 0; i < 2; i++) {
      expect(await call('NetworkDriver.Leave', endpoint)).toEqual({});
      expect(await call('NetworkDriver.DeleteEndpoint', endpoint)).toEqual({});
      expect(await call('NetworkDriver.DeleteNetwork', { NetworkID: N1 })).toEqual({});
    }
    expect(await refusal('NetworkDriver.Join', { ...endpoint, SandboxKey: '/s' })).toContain('disconnect');
    expect(await call('NetworkDriver.EndpointOperInfo', endpoint)).toEqual({ Value: {} });
  });

  it('of which Docker gave up waiting is taken back', async () => {
    await copyOf('app', '10.1.0.0/16');
    const late = new AbortController();
    const attach = door.attach.bind(door);
    door.attach = async (ask): Promise<DoorAttached> => {
      late.abort();
      return (await attach(ask)) as DoorAttached;
    };
    const request = { ...endpoint, Interface: { Address: '10.1.0.7/16' } };
    await call('NetworkDriver.CreateEndpoint', request, late.signal);
    expect(door.attached()).toEqual([]);
  });
});
