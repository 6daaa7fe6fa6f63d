import { AttachResponseSchema, DetachResponseSchema } from '#api/gen/weft/v1/agent_pb.ts';
import {
  type Endpoint,
  EndpointSchema,
  type Host,
  HostSchema,
  type Network,
  NetworkSchema,
  type RefusedFrames,
  RefusedFramesSchema,
} from '#api/gen/weft/v1/records_pb.ts';
import { fault } from '#model/fault.ts';
import { parseIp } from '#model/ip.ts';
import { faultError, notFound } from '../cli-error.ts';
import { formatPairs } from '../output/pairs.ts';
import { messageJson, printEmpty, printJson, printNotices, printPlans, printTable } from '../output/print.ts';
import { styleFor } from '../output/style.ts';
import { type SessionOptions, withAgent, withController } from '../session.ts';
import type { World } from '../world.ts';
import { describeRefused } from './describe-refused.ts';
import { byHost } from './host.ts';
import { absoluteNamespace } from './namespace.ts';
import { vtepOf } from './network.ts';
import { findRecord, namesById, type Records, readRecords, readStatuses } from './records.ts';

export interface AttachOptions extends SessionOptions {
  readonly interface?: string;
  readonly ip?: readonly string[];
  readonly mac?: string;
  readonly name?: string;
  readonly alias?: readonly string[];
  readonly dryRun?: boolean;
}

export async function attachEndpoint(
  world: World,
  options: AttachOptions,
  namespace: string,
  network: string,
): Promise<void> {
  const { ip, mac, name, alias, dryRun, interface: interfaceName } = options;
  const response = await withAgent(world, options, ({ agent }, call) =>
    agent.attach(
      {
        namespace: absoluteNamespace(namespace),
        network,
        interface: interfaceName,
        name,
        aliases: [...(alias ?? [])],
        mac,
        addresses: [...(ip ?? [])],
        dryRun,
      },
      call,
    ),
  );
  if (options.json) return printJson(world, messageJson(AttachResponseSchema, response));
  const { endpoint, network: joined } = response;
  if (endpoint)
    world.stdout.write(
      formatPairs(
        `${namespace} ${dryRun ? 'would be' : 'is'} in ${joined?.name ?? network} as ${endpoint.name}`,
        [
          ['interface', endpoint.interface],
          ['addresses', endpoint.addresses.map((address) => withPrefix(address, joined))],
          ['mac', endpoint.mac],
          ...(response.nameserver ? [['nameserver', response.nameserver] as const] : []),
          ['id', endpoint.id],
        ],
        styleFor(world.stdout, world.env),
      ),
    );
  if (dryRun) printPlans(world, response.plans);
  printNotices(world, response.notices);
}

export async function detachEndpoint(
  world: World,
  options: SessionOptions & { namespace?: string; network?: string; dryRun?: boolean },
  name: string | undefined,
): Promise<void> {
  const { namespace, network, dryRun } = options;
  if ((name === undefined) === (namespace === undefined))
    throw faultError(
      'usage',
      fault(
        'endpoint',
        name ?? '',
        name === undefined ? 'is missing' : 'cannot be given together with --namespace',
        'name one endpoint, or say --namespace NAMESPACE for all of a container',
      ),
    );
  // The agent takes all endpoints of a namespace: asking it for some must not end in more.
  if (namespace !== undefined && network !== undefined)
    throw faultError(
      'usage',
      fault('network', network, 'cannot be given together with --namespace', 'name the endpoint instead'),
    );
  const request = {
    endpoint: name,
    network,
    namespace: namespace === undefined ? undefined : absoluteNamespace(namespace),
    dryRun,
  };
  const response = await withAgent(world, options, ({ agent }, call) => agent.detach(request, call));
  if (options.json) return printJson(world, messageJson(DetachResponseSchema, response));
  if (response.endpoints.length === 0) world.stdout.write('nothing was attached\n');
  for (const endpoint of response.endpoints)
    world.stdout.write(
      `${endpoint.name} (${endpoint.addresses.join(', ')}) ${dryRun ? 'would be detached' : 'detached'}\n`,
    );
  if (dryRun) printPlans(world, response.plans);
  printNotices(world, response.notices);
}

export async function listEndpoints(
  world: World,
  options: SessionOptions & { network?: string; host?: string },
): Promise<void> {
  const records = await withController(world, options, (clients) =>
    readRecords(clients, ['network', 'host', 'endpoint']),
  );
  // An empty name is that of none, and not all: a script's variable may be unset.
  const only = {
    network:
      options.network === undefined ? undefined : findRecord('network', records.networks, options.network),
    host: options.host === undefined ? undefined : findRecord('host', records.hosts, options.host),
  };
  const endpoints = records.endpoints.filter(
    ({ network, host }) =>
      (!only.network || network === only.network.id) && (!only.host || host === only.host.id),
  );
  if (options.json)
    return printJson(
      world,
      endpoints.map((endpoint) => messageJson(EndpointSchema, endpoint)),
    );
  if (endpoints.length === 0)
    return printEmpty(world, 'No endpoints here. Attach a container: weft endpoint attach NAMESPACE NETWORK');
  printTable<Surroundings>(
    world,
    [
      { title: 'NAME', cell: ({ endpoint }) => endpoint.name },
      { title: 'NETWORK', cell: ({ endpoint, network }) => network?.name ?? endpoint.network },
      { title: 'VNI', cell: ({ network }) => network?.vni ?? '-', align: 'right', isSpare: true },
      { title: 'MODE', cell: ({ network }) => network?.mode ?? '-', isSpare: true },
      { title: 'HOST', cell: ({ endpoint, host }) => host?.name ?? endpoint.host },
      { title: 'VTEP', cell: ({ vtep }) => vtep ?? '-', isSpare: true },
      { title: 'CONTAINER', cell: ({ endpoint }) => shortContainer(endpoint) },
      { title: 'IMAGE', cell: ({ endpoint }) => endpoint.image ?? '-', isSpare: true },
      { title: 'INTERFACE', cell: ({ endpoint }) => endpoint.interface },
      { title: 'ADDRESSES', cell: ({ endpoint }) => endpoint.addresses },
    ],
    endpoints.map(surroundingsIn(records)),
  );
}

export async function inspectEndpoint(
  world: World,
  options: SessionOptions & { network?: string },
  word: string,
): Promise<void> {
  const [records, { hosts: reported }] = await withController(world, options, (clients) =>
    Promise.all([readRecords(clients, ['network', 'host', 'endpoint']), readStatuses(clients)]),
  );
  const called = records.endpoints.filter((endpoint) => answersTo(endpoint, word));
  if (called.length === 0)
    throw notFound(
      'endpoint',
      word,
      records.endpoints.map(({ name }) => name),
    );
  const found = options.network === undefined ? called : inNetwork(records, called, word, options.network);
  const statusOf = byHost(reported);
  const parts = found.map(surroundingsIn(records)).map((part) => ({
    ...part,
    refused: (statusOf.get(part.endpoint.host)?.status?.refused ?? []).filter(
      (one) => one.endpoint === part.endpoint.id,
    ),
  }));
  if (options.json)
    return printJson(
      world,
      parts.map(({ endpoint, network, host, refused }) => ({
        endpoint: messageJson(EndpointSchema, endpoint),
        network: network ? messageJson(NetworkSchema, network) : null,
        host: host ? messageJson(HostSchema, host) : null,
        refused: refused.map((one) => messageJson(RefusedFramesSchema, one)),
      })),
    );
  const style = styleFor(world.stdout, world.env);
  world.stdout.write(parts.map((part) => formatPairs(...describeEndpoint(part), style)).join('\n'));
}

/** An address may be written in any of its forms. */
function answersTo({ id, name, aliases, mac, addresses }: Endpoint, word: string): boolean {
  const ip = parseIp(word);
  const folded = (ip.ok ? ip.value : word).toLowerCase();
  return [id, name, ...aliases, mac, ...addresses].some((one) => one.toLowerCase() === folded);
}

function inNetwork(
  { networks }: Records,
  called: readonly Endpoint[],
  word: string,
  nameOrId: string,
): Endpoint[] {
  const { id, name } = findRecord('network', networks, nameOrId);
  const found = called.filter(({ network }) => network === id);
  if (found.length > 0) return found;
  const where = [...new Set(called.map(({ network }) => network))].map(namesById(networks)).join(', ');
  const problem = `is not in network ${name}, but in ${where}`;
  throw faultError('notFound', fault('endpoint', word, problem, `leave --network out, or name ${where}`));
}

interface Surroundings {
  readonly endpoint: Endpoint;
  readonly network?: Network;
  readonly host?: Host;
  /** Of the host, where the network's tunnels end. */
  readonly vtep?: string;
}

function surroundingsIn(records: Records): (endpoint: Endpoint) => Surroundings {
  const networks = new Map(records.networks.map((network) => [network.id, network]));
  const hosts = new Map(records.hosts.map((host) => [host.id, host]));
  return (endpoint) => {
    const [network, host] = [networks.get(endpoint.network), hosts.get(endpoint.host)];
    return { endpoint, network, host, vtep: network && host && vtepOf(host, network) };
  };
}

/** Docker's as Docker lists it. */
const shortContainer = ({ runtime, containerId }: Endpoint): string =>
  runtime === 'docker' ? containerId.slice(0, 12) : containerId;

const describeEndpoint = ({
  endpoint,
  network,
  host,
  vtep,
  refused,
}: Surroundings & { readonly refused: readonly RefusedFrames[] }) => {
  return [
    `Endpoint ${endpoint.name}`,
    [
      ['id', endpoint.id],
      ['aliases', endpoint.aliases],
      ['network', network ? `${network.name}, VNI ${network.vni}, mode ${network.mode}` : endpoint.network],
      ['host', `${host?.name ?? endpoint.host}${vtep ? `, VTEP ${vtep}` : ''}`],
      ['container', `${endpoint.containerId} (${endpoint.runtime})`],
      ...(endpoint.image ? [['image', endpoint.image] as const] : []),
      ['interface', `${endpoint.interface}${network?.mtu ? `, mtu ${network.mtu}` : ''}`],
      ['mac', endpoint.mac],
      ['addresses', endpoint.addresses.map((address) => withPrefix(address, network))],
      ['generation', endpoint.generation],
      ['dropped', refused.map(describeRefused)],
    ],
  ] as const;
};

/** An address as it stands on the interface: with the prefix length of its subnet. */
function withPrefix(address: string, network: Network | undefined): string {
  const v6 = address.includes(':');
  const cidr = network?.subnets.find((subnet) => subnet.cidr.includes(':') === v6)?.cidr;
  return cidr ? `${address}${cidr.slice(cidr.indexOf('/'))}` : address;
}
