import { expect } from 'vitest';
import { ipamDriver } from './ipam-driver.ts';
import { NetworkBook } from './network-book.ts';
import { networkDriver } from './network-driver.ts';
import { PluginError } from './plugin-error.ts';
import type { PluginMethods } from './plugin-method.ts';
import { PoolTable } from './pool-table.ts';
import { TestDoor, testNetwork } from './test-door.ts';

/** For unit tests: both drivers over a {@link TestDoor}, asked as dockerd asks. */

export let door: TestDoor;
export let methods: PluginMethods;
export let book: NetworkBook;
export const clock = { nowMs: 0 };
export const kicks = { count: 0 };
export const engine = { socket: '/run/other.sock', there: true, isThere: () => engine.there };

export function beginAnew(): void {
  door = new TestDoor();
  engine.there = true;
  begin();
}

/** Also after a restart: only the notes are still there. */
export function begin(): void {
  book = new NetworkBook(door.notes);
  const pools = new PoolTable(() => clock.nowMs);
  const parts = { door, book, pools, driver: 'weft', engine, kick: () => void kicks.count++ };
  methods = { ...ipamDriver(parts), ...networkDriver({ ...parts, onJoin: () => undefined }) };
}

// biome-ignore lint/suspicious/noExplicitAny: what dockerd would read
export const call = (name: string, request: unknown, signal = AbortSignal.timeout(200)): Promise<any> =>
  methods[name]!(typeof request === 'string' ? request : JSON.stringify(request), signal);
export const refusal = async (name: string, request: unknown): Promise<string> => {
  const error = await call(name, request).then(
    (answer) => new Error(`answered ${JSON.stringify(answer)}`),
    (reason: Error) => reason,
  );
  expect(error).toBeInstanceOf(PluginError);
  return error.message;
};

export const requestPool = (Pool = '', more: object = {}) =>
  call('IpamDriver.RequestPool', {
    AddressSpace: 'weft',
    Pool,
    SubPool: '',
    Options: {},
    V6: false,
    ...more,
  });
export const [N1, N2] = ['a'.repeat(64), 'b'.repeat(64)];
export const [E1] = ['e'.repeat(64)];
export const pool = (Pool: string, more: object = {}) => ({
  AddressSpace: 'weft',
  Pool,
  Gateway: '',
  ...more,
});
export const creation = (
  NetworkID: string,
  pools: readonly object[],
  options: object = {},
  more: object = {},
) => ({
  NetworkID,
  Options: { 'com.docker.network.generic': options, ...more },
  IPv4Data: pools,
  IPv6Data: null,
});

/** As Docker makes a copy of a network of Weft. */
export async function copyOf(name: string, subnet: string): Promise<string> {
  const network = door.addNetwork(testNetwork(name, [subnet]));
  const option = { 'weft.network': network.id };
  const { PoolID } = await requestPool(subnet, { Options: option });
  await call('NetworkDriver.CreateNetwork', creation(N1!, [pool(subnet)], option));
  return PoolID;
}
