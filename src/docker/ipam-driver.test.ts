import { beforeEach, describe, expect, it } from 'vitest';
import { testNetwork } from './test-door.ts';
import {
  begin,
  beginAnew,
  call,
  clock,
  copyOf,
  creation,
  door,
  engine,
  N1,
  pool,
  refusal,
  requestPool,
} from './test-drivers.ts';

beforeEach(beginAnew);

describe('a pool', () => {
  it('is of a host and a subnet, and brings its gateway', async () => {
    expect(await requestPool('10.1.0.0/16')).toEqual({
      PoolID: `${door.host}/-/10.1.0.0/16`,
      Pool: '10.1.0.0/16',
      Data: { 'com.docker.network.gateway': '10.1.0.1/16' },
    });
  });

  it('is of a network that both drivers are told of, by id or name, whose subnet need not be known', async () => {
    const { id } = door.addNetwork(testNetwork('app', ['10.1.0.0/16', 'fd00:1::/64']));
    for (const word of [id, 'App']) {
      const Options = { 'weft.network': word };
      expect((await requestPool('', { Options })).PoolID).toBe(`${door.host}/${id}/10.1.0.0/16`);
      expect(await requestPool('', { Options, V6: true })).toMatchObject({
        Pool: 'fd00:1::/64',
        Data: { 'com.docker.network.gateway': 'fd00:1::1/64' },
      });
    }
    expect(
      await refusal('IpamDriver.RequestPool', {
        AddressSpace: 'weft',
        Pool: '10.2.0.0/16',
        Options: { 'weft.network': id },
      }),
    ).toBe('--subnet "10.2.0.0/16": is not the subnet of network app; use --subnet 10.1.0.0/16');
  });

  it('has the gateway of the network that has the subnet', async () => {
    const network = testNetwork('app', ['10.1.0.0/16']);
    door.addNetwork({ ...network, subnets: [{ ...network.subnets[0]!, gateway: '10.1.255.254' as never }] });
    expect((await requestPool('10.1.0.0/16')).Data).toEqual({
      'com.docker.network.gateway': '10.1.255.254/16',
    });
  });

  it('is never one that Docker still holds, and there is an end to asking', async () => {
    const pools = new Set<string>();
    for (let i = 0; i < 16; i++) pools.add((await requestPool()).Pool);
    expect(pools.size).toBe(16);
    expect(await refusal('IpamDriver.RequestPool', { AddressSpace: 'weft' })).toContain('no range left');
    await call('IpamDriver.ReleasePool', { PoolID: `${door.host}/-/10.128.32.0/20` });
    expect((await requestPool()).Pool).toBe('10.128.32.0/20');
  });

  it('is not given twice for two networks that nobody could tell apart', async () => {
    await requestPool('10.1.0.0/16');
    const again = { AddressSpace: 'weft', Pool: '10.1.0.0/16' };
    expect(await refusal('IpamDriver.RequestPool', again)).toContain(
      'weft network create NAME --subnet 10.1.0.0/16',
    );
    await call('NetworkDriver.CreateNetwork', creation(N1!, [pool('10.1.0.0/16')]));
    begin();
    expect(await refusal('IpamDriver.RequestPool', again)).toContain('weft network create');
    await call('NetworkDriver.DeleteNetwork', { NetworkID: N1 });
    await requestPool('10.1.0.0/16');
  });

  it('that no network came for is free again, whoever forgot it', async () => {
    await requestPool('10.1.0.0/16');
    clock.nowMs += 61_000;
    await requestPool('10.1.0.0/16');
  });

  it.each([
    [{ SubPool: '10.1.4.0/24', Pool: '10.1.0.0/16' }, '--ip-range "10.1.4.0/24": is not needed'],
    [{ SubPool: '10.1.4.0/24' }, '--ip-range'],
    [
      { Pool: '10.1.0.1/16' },
      '--subnet "10.1.0.1/16": has bits set to the right of its prefix; write 10.1.0.0/16',
    ],
    [{ Pool: 'rubbish' }, '--subnet "rubbish": is not a subnet'],
    [{ AddressSpace: 'LocalDefault' }, 'address space "LocalDefault": is not of Weft'],
    [{ Options: { foo: 'bar' } }, '--ipam-opt foo "bar": is not known'],
    [{ Options: { 'weft.network': 'nope' } }, '--ipam-opt weft.network "nope": is not a network of Weft'],
  ])('is refused: %j', async (more, text) => {
    expect(await refusal('IpamDriver.RequestPool', { AddressSpace: 'weft', ...more })).toContain(text);
  });
});

describe('an address', () => {
  it("that is the gateway is nobody's to hold", async () => {
    const PoolID = await copyOf('app', '10.1.0.0/16');
    const ask = (Address: string) => ({
      PoolID,
      Address,
      Options: { RequestAddressType: 'com.docker.network.gateway' },
    });
    expect((await call('IpamDriver.RequestAddress', ask('10.1.0.1'))).Address).toBe('10.1.0.1/16');
    expect((await call('IpamDriver.RequestAddress', ask(''))).Address).toBe('10.1.0.1/16');
    expect(await refusal('IpamDriver.RequestAddress', ask('10.1.0.5'))).toContain('use 10.1.0.1');
    expect(await refusal('IpamDriver.RequestAddress', ask('10.2.0.1'))).toContain('--gateway');
    expect(door.holds.size).toBe(0);
  });

  it("for nobody's endpoint is refused while the network is being made", async () => {
    const { PoolID } = await requestPool('10.1.0.0/16');
    expect(
      await refusal('IpamDriver.RequestAddress', { PoolID, Address: '10.1.0.9', Options: null }),
    ).toContain('--aux-address');
  });

  it('in a network of another driver is refused, with the command as it must be, whenever it is asked for', async () => {
    const { PoolID } = await requestPool();
    const both = 'docker network rm it, and make it again with -d weft --ipam-driver weft';
    const request = { PoolID, Address: '', Options: null };
    const said = await refusal('IpamDriver.RequestAddress', request);
    expect(said).toBe(
      `--ipam-driver "weft": gives addresses in networks of driver weft alone, and this is of another; ${both}`,
    );
    clock.nowMs += 61_000;
    expect(await refusal('IpamDriver.RequestAddress', request)).toContain(both);
  });

  it.each([
    ['10.1.0.0/32', '/30'],
    ['fd00:1::1/128', '/126'],
  ])('for the gateway of %s, which has one alone, is refused', async (subnet, wider) => {
    const { PoolID } = await requestPool(subnet, { V6: subnet.includes(':') });
    const Options = { RequestAddressType: 'com.docker.network.gateway' };
    expect(await refusal('IpamDriver.RequestAddress', { PoolID, Address: '', Options })).toBe(
      `--subnet "${subnet}": has 1 address, which leaves none for a gateway; use ${wider} or wider`,
    );
  });

  it("that is taken is refused in Docker's words", async () => {
    const PoolID = await copyOf('app', '10.1.0.0/16');
    const request = { PoolID, Address: '10.1.0.7' };
    await call('IpamDriver.RequestAddress', request);
    expect(await refusal('IpamDriver.RequestAddress', request)).toBe(
      '--ip "10.1.0.7": is taken by endpoint db; choose another',
    );
    await call('IpamDriver.ReleaseAddress', request);
    await call('IpamDriver.RequestAddress', request);
  });

  it('is given under the identity that its host had before, and not taken back under it', async () => {
    await copyOf('app', '10.1.0.0/16');
    const { id } = door.made[0]!;
    const before = `01ARZ3NDEKTSV4RRFFQ69G5FAV/${id}/10.1.0.0/16`;
    expect((await call('IpamDriver.RequestAddress', { PoolID: before, Address: '' })).Address).toBe(
      '10.1.0.2/16',
    );
    await call('IpamDriver.ReleaseAddress', { PoolID: before, Address: '10.1.0.2' });
    await call('IpamDriver.ReleaseAddress', { PoolID: 'rubbish', Address: 'rubbish' });
    expect(door.holds.size).toBe(1);
    const rubbish = { PoolID: 'rubbish', Address: '' };
    expect(await refusal('IpamDriver.RequestAddress', rubbish)).toContain('is not a pool of Weft');
  });

  it('of a network that Docker cannot be asked about is refused, with where it was to answer', async () => {
    await call('NetworkDriver.CreateNetwork', creation(N1!, [pool('10.1.0.0/16')]));
    const request = { PoolID: `${door.host}/-/10.1.0.0/16`, Address: '' };
    expect(await refusal('IpamDriver.RequestAddress', request)).toContain('still being made');
    engine.there = false;
    expect(await refusal('IpamDriver.RequestAddress', request)).toMatch(
      /\/run\/other\.sock; set docker-socket/,
    );
  });
});
