import type { Cidr } from '#model/cidr.ts';
import { createId, type Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { hostTag } from '#model/own.ts';
import type { Endpoint, Host, Network, StoredRecord, UnderlayFamily } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { DEFAULT_TUNNEL_MODE, type TunnelMode } from '#model/tunnel-mode.ts';
import { FIRST_AUTOMATIC_VNI, type Vni } from '#model/vni.ts';
import type { HostRuntimeFacts } from './desired.ts';
import { type HostView, hostView } from './host-view.ts';

/** Small worlds as values, for tests: hosts, networks and endpoints by number, everything else follows from it. */

const KINDS = { host: 1, network: 2, endpoint: 3 };

/** The same number always gives the same id. */
export const testId = (kind: keyof typeof KINDS, number: number): Id =>
  createId(KINDS[kind], () => new Uint8Array([0, 0, 0, 0, 0, KINDS[kind], ...bytes(number)]));

const bytes = (number: number): number[] => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);

export const testHost = (number: number, overrides: Partial<Host> = {}): Host => ({
  kind: 'host',
  id: testId('host', number),
  name: `h${number}`,
  epoch: 1,
  underlay: [`10.99.${number >> 8}.${number & 255}`, `fd99::${number.toString(16)}`] as Ip[],
  labels: {},
  facts: { underlayMtu: 1500, takenPorts: [], routes: [], underlayInterfaces: ['eth0', 'eth0'] },
  ...overrides,
});

export function testNetwork(
  number: number,
  mode: TunnelMode = DEFAULT_TUNNEL_MODE,
  underlay: UnderlayFamily = 'ipv4',
): Network {
  return {
    kind: 'network',
    id: testId('network', number),
    name: `n${number}`,
    vni: (FIRST_AUTOMATIC_VNI + number) as Vni,
    port: 4789,
    mode,
    underlay,
    mtu: underlay === 'ipv4' ? 1450 : 1430,
    ttl: 64,
    ...(mode === 'multicast' && { group: testGroup(number, underlay) }),
    subnets: [
      { cidr: `10.${number}.0.0/16` as Cidr, gateway: `10.${number}.0.1` as Ip },
      { cidr: `fd00:${number}::/64` as Cidr, gateway: `fd00:${number}::1` as Ip },
    ],
    adopts: false,
    internal: false,
    gateway: 'runtime',
    portSecurity: 'on',
    labels: {},
  };
}

const testGroup = (number: number, underlay: UnderlayFamily): Ip =>
  (underlay === 'ipv4' ? `239.1.0.${number}` : `ff18::${number}`) as Ip;

/** Endpoint `number` of a network on a host: 10.N.0.number, fd00:N::number, 02:00:N:00:00:number. */
export function testEndpoint(
  number: number,
  network: number,
  host: number,
  overrides: Partial<Endpoint> = {},
): Endpoint {
  const [, second, third, fourth] = bytes(number) as [number, number, number, number];
  const groups = [number >>> 16, number & 0xffff]
    .filter((group, i) => group > 0 || i === 1)
    .map((group) => group.toString(16))
    .join(':');
  const mac = [0x02, 0, network, second, third, fourth];
  return {
    kind: 'endpoint',
    id: testId('endpoint', (network << 24) + number),
    network: testId('network', network),
    host: testId('host', host),
    runtime: 'netns',
    containerId: `c${number}`,
    interface: `eth${network}`,
    name: `c${number}`,
    aliases: [],
    mac: mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac,
    addresses: [`10.${network + second}.${third}.${fourth}`, `fd00:${network}::${groups}`] as Ip[],
    generation: 1,
    ...overrides,
  };
}

export const testView = (records: readonly StoredRecord[], host = 1): HostView =>
  hostView(new Snapshot(records, 1), testId('host', host))!;

export const testContainer = (name: string): NamespaceRef => ({
  path: `/run/netns/${name}`,
  dev: 4,
  inode: 1,
  cookie: name,
});

/** Facts of a host on which the containers of all its endpoints are alive, each under its containerId. */
export const testFacts = (view: HostView): HostRuntimeFacts => ({
  hostTag: hostTag(view.host.id),
  containers: new Map(
    view.networks.flatMap(({ local }) =>
      local.map(({ id, containerId }) => [id, { namespace: testContainer(containerId) }]),
    ),
  ),
});
