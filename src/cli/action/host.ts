import { type ReportedStatus, ReportedStatusSchema } from '#api/gen/weft/v1/controller_pb.ts';
import {
  type Block,
  BlockSchema,
  type Endpoint,
  EndpointSchema,
  type Host,
  HostSchema,
} from '#api/gen/weft/v1/records_pb.ts';
import { blockUses } from '#intent/block-use.ts';
import type { Id } from '#model/id.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { formatPairs } from '../output/pairs.ts';
import { messageJson, printEmpty, printJson, printTable, printWish } from '../output/print.ts';
import { styleFor } from '../output/style.ts';
import { formatAge, formatCount } from '../output/units.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { describeBlock } from './blocks.ts';
import { countBy, findRecord, namesById, readRecords, readStatuses } from './records.ts';
import { snapshotOf } from './snapshot-of.ts';

export async function listHosts(world: World, options: SessionOptions): Promise<void> {
  const [{ hosts, blocks, endpoints }, { hosts: reported }] = await withController(
    world,
    options,
    (clients) => Promise.all([readRecords(clients, ['host', 'block', 'endpoint']), readStatuses(clients)]),
  );
  const statusOf = byHost(reported);
  const onHost = countBy(endpoints, ({ host }) => host);
  if (options.json)
    return printJson(
      world,
      hosts.map((host) => ({
        ...(messageJson(HostSchema, host) as object),
        agent: describeAgent(statusOf.get(host.id)),
        connected: isThere(statusOf.get(host.id)),
        ...blockCounts(blocks, host.id),
        endpoints: onHost(host.id),
      })),
    );
  if (hosts.length === 0)
    return printEmpty(world, 'No hosts yet. Start an agent on each: weft agent --controller URL');
  const style = styleFor(world.stdout, world.env);
  printTable<Host>(
    world,
    [
      { title: 'NAME', cell: ({ name }) => name },
      {
        title: 'AGENT',
        cell: ({ id }) => describeAgent(statusOf.get(id)),
        paint: ({ id }) => (isThere(statusOf.get(id)) ? style.green : style.red),
      },
      { title: 'UNDERLAY', cell: ({ underlay }) => underlay },
      { title: 'MTU', cell: ({ facts }) => facts?.underlayMtu || '-', align: 'right' },
      { title: 'EPOCH', cell: ({ epoch }) => epoch, align: 'right' },
      { title: 'BLOCKS', cell: ({ id }) => countBlocks(blocks, id), align: 'right' },
      { title: 'ENDPOINTS', cell: ({ id }) => onHost(id), align: 'right' },
      { title: 'LABELS', cell: ({ labels }) => formatLabels(labels) },
    ],
    hosts,
  );
}

export async function inspectHost(world: World, options: SessionOptions, nameOrId: string): Promise<void> {
  const [records, { hosts: reported }] = await withController(world, options, (clients) =>
    Promise.all([readRecords(clients, ['host', 'network', 'block', 'endpoint']), readStatuses(clients)]),
  );
  const host = findRecord('host', records.hosts, nameOrId);
  const status = byHost(reported).get(host.id);
  const blocks = records.blocks.filter((block) => block.host === host.id);
  const endpoints = records.endpoints.filter((endpoint) => endpoint.host === host.id);
  if (options.json)
    return printJson(world, {
      host: messageJson(HostSchema, host),
      status: status ? messageJson(ReportedStatusSchema, status) : null,
      blocks: blocks.map((block) => messageJson(BlockSchema, block)),
      endpoints: endpoints.map((endpoint) => messageJson(EndpointSchema, endpoint)),
    });
  const networkName = namesById(records.networks);
  const { id, name, epoch, underlay, labels, facts } = host;
  world.stdout.write(
    formatPairs(
      `Host ${name}`,
      [
        ['id', id],
        ['agent', describeAgent(status)],
        ['underlay', underlay],
        ['underlay mtu', facts?.underlayMtu || '-'],
        ['labels', formatLabels(labels)],
        ['epoch', epoch > 1 ? `${epoch}: evicted ${times(epoch - 1)}` : epoch],
        ['udp ports taken', facts?.takenPorts.join(', ') || '-'],
        ['routes', facts?.routes ?? []],
        ['blocks', describeBlocks(snapshotOf(records), host.id as Id, reported)],
      ],
      styleFor(world.stdout, world.env),
    ),
  );
  printTable<Endpoint>(
    world,
    [
      { title: 'NAME', cell: (endpoint) => endpoint.name },
      { title: 'NETWORK', cell: ({ network }) => networkName(network) },
      { title: 'INTERFACE', cell: (endpoint) => endpoint.interface },
      { title: 'MAC', cell: ({ mac }) => mac },
      { title: 'ADDRESSES', cell: ({ addresses }) => addresses },
    ],
    endpoints,
    'Endpoints',
  );
}

export async function removeHost(
  world: World,
  options: SessionOptions & { dryRun?: boolean },
  host: string,
): Promise<void> {
  const { dryRun } = options;
  const response = await withController(world, options, ({ controller }, call) =>
    controller.removeHost({ host, dryRun }, call),
  );
  printWish(world, options, response, `host ${host} ${dryRun ? 'would be' : 'is'} removed`);
}

/** `3`, and how many more it has given up: `3 (1 rests)`. */
function countBlocks(blocks: readonly Block[], id: string): string {
  const { blocks: own, restingBlocks: resting } = blockCounts(blocks, id);
  return `${own}${resting > 0 ? ` (${resting} rest${resting === 1 ? 's' : ''})` : ''}`;
}

function blockCounts(blocks: readonly Block[], id: string): { blocks: number; restingBlocks: number } {
  const all = blocks.filter(({ host }) => host === id);
  const resting = all.filter(({ retired }) => retired > 0).length;
  return { blocks: all.length - resting, restingBlocks: resting };
}

/** `10.1.0.0/29 of web, 2 of 6 used, in use`, in the order of networks and addresses. */
const describeBlocks = (snapshot: SnapshotView, host: Id, reported: readonly ReportedStatus[]): string[] =>
  [...snapshot.networks.values()].flatMap((network) =>
    blockUses(network, snapshot)
      .filter(({ block }) => block.host === host)
      .map(
        ({ block, used, size }) =>
          `${block.cidr} of ${network.name}, ${used} of ${formatCount(size)} used, ${describeBlock(block, snapshot, reported)}`,
      ),
  );

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

export const byHost = (reported: readonly ReportedStatus[]): ReadonlyMap<string, ReportedStatus> =>
  new Map(reported.map((one) => [one.status?.host ?? '', one]));

/** Connected and not silent: a process that stands still keeps its connections. */
export const isThere = (reported: ReportedStatus | undefined): boolean =>
  reported?.connected === true && reported.silentMs === 0n;

export function describeAgent(reported: ReportedStatus | undefined): string {
  if (!reported) return 'not heard of yet';
  const { connected, silentMs, reportedAtMs } = reported;
  if (silentMs > 0n) return `silent ${formatAge(Number(silentMs))}`;
  if (connected) return 'connected';
  // Of a status that no controller received the agent itself told: it is there, and has no session.
  return reportedAtMs > 0n ? `away ${formatAge(Date.now() - Number(reportedAtMs))}` : 'cut off';
}

const formatLabels = (labels: { readonly [key: string]: string }): string[] =>
  Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
