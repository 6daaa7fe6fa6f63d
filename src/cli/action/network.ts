import type { WishResponse } from '#api/gen/weft/v1/controller_pb.ts';
import {
  type Adoption,
  AdoptionSchema,
  BlockSchema,
  type Endpoint,
  EndpointSchema,
  ExposureSchema,
  type Host,
  HostSchema,
  type Network,
  NetworkSchema,
  type TunnelChange,
} from '#api/gen/weft/v1/records_pb.ts';
import { exhaustionNotices } from '#intent/exhaustion.ts';
import { subnetUses } from '#intent/subnet-use.ts';
import { fault } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import { DEFAULT_GATEWAY_USE, DEFAULT_PORT_SECURITY, GATEWAY_USES } from '#model/records.ts';
import { faultError } from '../cli-error.ts';
import { formatPairs } from '../output/pairs.ts';
import { messageJson, printEmpty, printJson, printNotices, printTable, printWish } from '../output/print.ts';
import { styleFor } from '../output/style.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { takeNumbers } from './numbers.ts';
import { countBy, findRecord, namesById, type Records, readRecords } from './records.ts';
import { snapshotOf } from './snapshot-of.ts';

export interface CreateNetworkOptions extends SessionOptions {
  readonly subnet?: readonly string[];
  /** Addresses, or a word for whose way out is taken. */
  readonly gateway?: readonly string[];
  readonly internal?: boolean;
  readonly mode?: string;
  readonly vni?: string;
  readonly port?: string;
  readonly group?: string;
  readonly underlay?: string;
  readonly mtu?: string;
  readonly ttl?: string;
  readonly portSecurity?: string;
  readonly allowOverlap?: boolean;
  readonly dryRun?: boolean;
}

/** Words go to the controller as they were typed; only what is no number cannot be sent. */
export async function createNetwork(
  world: World,
  options: CreateNetworkOptions,
  name: string,
): Promise<void> {
  const {
    subnet,
    gateway = [],
    mode,
    group,
    underlay,
    internal,
    portSecurity,
    allowOverlap,
    dryRun,
  } = options;
  const isUse = (text: string) => GATEWAY_USES.some((use) => use === text);
  const numbers = takeNumbers(options, ['vni', 'port', 'mtu', 'ttl']);
  const request = {
    name,
    subnets: [...(subnet ?? [])],
    gateways: gateway.filter((text) => !isUse(text)),
    gateway: oneOf(gateway.filter(isUse)),
    internal,
    portSecurity,
    mode,
    group,
    underlay,
    allowOverlap,
    dryRun,
    ...numbers,
  };
  const response = await withController(world, options, ({ controller }, call) =>
    controller.createNetwork(request, call),
  );
  printChanged(world, options, response, dryRun ? 'would be made' : 'made');
}

/** The wire has one, and which of two was meant nobody can know. */
function oneOf([first, ...others]: readonly string[]): string | undefined {
  const other = others.find((each) => each !== first);
  if (other === undefined) return first;
  throw faultError('usage', fault('gateway', other, `comes beside ${first}`, 'give one of the two words'));
}

export async function removeNetwork(
  world: World,
  options: SessionOptions & { dryRun?: boolean },
  network: string,
): Promise<void> {
  const { dryRun } = options;
  const response = await withController(world, options, ({ controller }, call) =>
    controller.removeNetwork({ network, dryRun }, call),
  );
  printChanged(world, options, response, dryRun ? 'would be removed' : 'removed', network);
}

function printChanged(
  world: World,
  options: SessionOptions & { dryRun?: boolean },
  response: WishResponse,
  done: string,
  name?: string,
): void {
  const subject = response.subject?.record;
  const network = subject?.case === 'network' ? subject.value : undefined;
  const facts = network && done.endsWith('made') ? `: ${describeNetwork(network)}` : '';
  printWish(world, options, response, `network ${network?.name ?? name} ${done}${facts}`);
}

const describeNetwork = ({ mode, group, vni, port, mtu, subnets }: Network): string =>
  [
    group ? `${mode} ${group}` : mode,
    `vni ${vni}`,
    `port ${port}`,
    `mtu ${mtu || 'as the underlay allows'}`,
    ...subnets.map(({ cidr }) => cidr),
  ].join(', ');

export async function listNetworks(world: World, options: SessionOptions): Promise<void> {
  const { networks, endpoints, adoptions } = await withController(world, options, (clients) =>
    readRecords(clients, ['network', 'endpoint', 'adoption']),
  );
  if (options.json)
    return printJson(
      world,
      networks.map((network) => messageJson(NetworkSchema, network)),
    );
  if (networks.length === 0) return printEmpty(world, 'No networks yet. Make one: weft network create web');
  const inNetwork = countBy(endpoints, ({ network }) => network);
  const hosts = (id: string) =>
    new Set([...endpoints, ...adoptions].filter(({ network }) => network === id).map(({ host }) => host))
      .size;
  printTable<Network>(
    world,
    [
      { title: 'NAME', cell: ({ name }) => name },
      { title: 'MODE', cell: ({ mode }) => mode },
      { title: 'VNI', cell: ({ vni }) => vni, align: 'right' },
      { title: 'PORT', cell: ({ port }) => port, align: 'right' },
      { title: 'MTU', cell: ({ mtu }) => mtu || '-', align: 'right' },
      { title: 'HOSTS', cell: ({ id }) => hosts(id), align: 'right' },
      { title: 'ENDPOINTS', cell: ({ id }) => inNetwork(id), align: 'right' },
      { title: 'SUBNETS', cell: ({ subnets }) => subnets.map(({ cidr }) => cidr) },
    ],
    networks,
  );
}

export async function inspectNetwork(world: World, options: SessionOptions, nameOrId: string): Promise<void> {
  const records = await withController(world, options, (clients) =>
    readRecords(clients, ['network', 'host', 'block', 'endpoint', 'adoption', 'exposure']),
  );
  const network = findRecord('network', records.networks, nameOrId);
  const blocks = records.blocks.filter((block) => block.network === network.id);
  const endpoints = records.endpoints.filter((endpoint) => endpoint.network === network.id);
  const adoptions = records.adoptions.filter((adoption) => adoption.network === network.id);
  const exposures = records.exposures.filter((exposure) => exposure.network === network.id);
  const members = new Set([...endpoints, ...blocks, ...adoptions, ...exposures].map(({ host }) => host));
  const hosts = records.hosts.filter(({ id }) => members.has(id));
  const notices = noticesOf(records, network.id as Id);
  if (options.json)
    return printJson(world, {
      network: messageJson(NetworkSchema, network),
      hosts: hosts.map((host) => messageJson(HostSchema, host)),
      blocks: blocks.map((block) => messageJson(BlockSchema, block)),
      endpoints: endpoints.map((endpoint) => messageJson(EndpointSchema, endpoint)),
      adoptions: adoptions.map((adoption) => messageJson(AdoptionSchema, adoption)),
      exposures: exposures.map((exposure) => messageJson(ExposureSchema, exposure)),
      notices,
    });
  const hostName = namesById(records.hosts);
  printNetwork(
    world,
    network,
    exposures.map(({ host }) => hostName(host)),
  );
  printTable<Host>(
    world,
    [
      { title: 'NAME', cell: ({ name }) => name },
      { title: 'VTEP', cell: (host) => vtepOf(host, network) ?? 'none of that family' },
      {
        title: 'ENDPOINTS',
        cell: ({ id }) => endpoints.filter(({ host }) => host === id).length,
        align: 'right',
      },
      { title: 'BLOCKS', cell: ({ id }) => blocks.filter(({ host }) => host === id).map(({ cidr }) => cidr) },
    ],
    hosts,
    'Hosts',
  );
  if (network.adopts) {
    printAdoptions(world, adoptions, hostName);
    printNotices(world, notices);
    return;
  }
  printTable<Endpoint>(
    world,
    [
      { title: 'NAME', cell: ({ name }) => name },
      { title: 'HOST', cell: ({ host }) => hostName(host) },
      { title: 'INTERFACE', cell: (endpoint) => endpoint.interface },
      { title: 'MAC', cell: ({ mac }) => mac },
      { title: 'ADDRESSES', cell: ({ addresses }) => addresses },
    ],
    endpoints,
    'Endpoints',
  );
  printNotices(world, notices);
}

/** Whose bridges they are, and who is behind them. */
function printAdoptions(
  world: World,
  adoptions: readonly Adoption[],
  hostName: (id: string) => string,
): void {
  const stations = adoptions.flatMap(({ host, bridge, stations: behind }) =>
    behind.map(({ mac, addresses }) => ({ host, bridge, mac, addresses })),
  );
  printTable(
    world,
    [
      { title: 'BRIDGE', cell: ({ bridge }) => bridge },
      { title: 'HOST', cell: ({ host }) => hostName(host) },
      { title: 'MAC', cell: ({ mac }) => mac },
      { title: 'ADDRESSES', cell: ({ addresses }) => addresses },
    ],
    [
      ...stations,
      ...adoptions
        .filter((adoption) => adoption.stations.length === 0)
        .map(({ host, bridge }) => ({ host, bridge, mac: 'nobody has spoken yet', addresses: [] })),
    ],
    'Adopted bridges and who is behind them',
  );
}

/** Of addresses that run out. */
function noticesOf(records: Records, id: Id): Notice[] {
  const snapshot = snapshotOf(records);
  const network = snapshot.networks.get(id);
  const { blocks, endpoints } = snapshot.inNetwork(id);
  return network ? exhaustionNotices(network, subnetUses(network, endpoints.size, [...blocks.values()])) : [];
}

function printNetwork(world: World, network: Network, exposedOn: readonly string[]): void {
  const { id, name, mode, group, vni, port, underlay, mtu, ttl, subnets, change, internal } = network;
  const gatewayUse = network.gateway || DEFAULT_GATEWAY_USE;
  world.stdout.write(
    formatPairs(
      `Network ${name}`,
      [
        ['id', id],
        ...(change ? [['is being changed', describeChange(network, change)] as const] : []),
        ['mode', `${mode} (${MODE_MEANING[mode] ?? 'of a newer Weft'})`],
        ['multicast group', group ?? '-'],
        ['vni', `${vni} (0x${vni.toString(16)})`],
        ['udp port', port],
        ['underlay', `${underlay}, ttl ${ttl}`],
        ...(network.adopts
          ? ([['mtu, addresses, way out', 'as the owners of its bridges have them']] as const)
          : ([
              ['mtu', mtu || 'not known before a host is in it'],
              ['subnets', subnets.map(({ cidr, gateway }) => `${cidr}, gateway ${gateway}`)],
              ['way out', internal ? 'none, it is internal' : (WAY_OUT[gatewayUse] ?? gatewayUse)],
              ['exposed on', exposedOn.length > 0 ? exposedOn : '-'],
              ['port security', network.portSecurity || DEFAULT_PORT_SECURITY],
            ] as const)),
      ],
      styleFor(world.stdout, world.env),
    ),
  );
}

const WAY_OUT: Readonly<Record<string, string>> = {
  runtime: 'the runtime’s own where it has one (docker_gwbridge), else the network’s gateway',
  anycast: 'the network’s gateway',
};

/** How far it is, and what it will be. */
function describeChange(network: Network, { phase, other, next }: TunnelChange): string {
  const { mode, port, mtu, ttl, group } = next ?? (phase === 'prepare' ? other : network) ?? network;
  const tunnel = [mode, ...(group ? [group] : []), `port ${port}`, `mtu ${mtu}`, `ttl ${ttl}`];
  return `phase ${phase}, to ${tunnel.join(', ')}`;
}

const MODE_MEANING: Readonly<Record<string, string>> = {
  p2p: 'learned from traffic between two hosts',
  multicast: 'learned from traffic; unknown frames go to a multicast group',
  'on-demand': 'nothing is written beforehand; the agent answers what the VXLAN device misses',
  proxy: 'every MAC and neighbour written; the VXLAN device answers ARP and ND',
  static: 'every MAC written; nothing is learned',
  flood: 'learned from traffic; unknown frames go to every host',
};

/** Where a host's tunnels of this network end: its first address of the underlay's family. */
export const vtepOf = (host: Host, network: Network): string | undefined =>
  host.underlay.find((address) => address.includes(':') === (network.underlay === 'ipv6'));
