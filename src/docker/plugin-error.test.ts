import { beforeEach, expect, test } from 'vitest';
import { fault, reject } from '#model/fault.ts';
import { beginAnew, copyOf, creation, door, E1, N1, N2, pool, refusal, requestPool } from './test-drivers.ts';

beforeEach(beginAnew);

test('a network is called by its name where something of it is refused, and not by what only Weft knows', async () => {
  const away = (network: string) =>
    reject('unavailable', fault('network', network, 'needs the controller', 'start it'));
  door.attach = async ({ network }) => away(network);
  door.holdAddress = async ({ network }) => away(network);
  door.tryNetwork = async ({ name }) => away(name);
  const PoolID = await copyOf('app', '10.1.0.0/16');
  const said = 'network "app": needs the controller; start it';
  expect(await refusal('IpamDriver.RequestAddress', { PoolID, Address: '' })).toBe(said);
  const endpoint = { NetworkID: N1, EndpointID: E1, Interface: null, Options: null };
  expect(await refusal('NetworkDriver.CreateEndpoint', endpoint)).toBe(said);
  const { Pool } = await requestPool();
  expect(await refusal('NetworkDriver.CreateNetwork', creation(N2!, [pool(Pool)]))).toBe(
    'network "a new one": needs the controller; start it',
  );
});
