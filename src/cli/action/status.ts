import { create } from '@bufbuild/protobuf';
import { type ReportedStatus, ReportedStatusSchema } from '#api/gen/weft/v1/controller_pb.ts';
import type { Drift, HostStatus } from '#api/gen/weft/v1/records_pb.ts';
import type { Notice } from '#model/notice.ts';
import type { Clients } from '#transport/client.ts';
import { CliError } from '../cli-error.ts';
import { messageJson, printEmpty, printJson, printNotices, printTable } from '../output/print.ts';
import { printable } from '../output/printable.ts';
import { styleFor } from '../output/style.ts';
import { type SessionOptions, withAgent, withController } from '../session.ts';
import type { World } from '../world.ts';
import { describeRefused } from './describe-refused.ts';
import { byHost, describeAgent, isThere } from './host.ts';
import { readRecords, readStatuses } from './records.ts';

/** One host as `weft status` judges it. */
interface HostState {
  readonly name: string;
  readonly reported?: ReportedStatus;
  /** Revisions that its kernel is behind. */
  readonly lag: bigint;
  /** Kernel objects that differ from what is wished. */
  readonly drift: number;
  readonly well: boolean;
}

/** It is on this machine and has it at hand: who does not tell by then stands still, and has been waited for before. */
const OWN_WORD = { timeoutMs: 2_000 };

interface ClusterState {
  readonly revision: bigint;
  readonly hosts: readonly HostState[];
  /** What concerns no host alone; to be known, but no host is ill by it. */
  readonly notices: readonly Notice[];
  /** The controller could not be asked: this is only what the local agent knows of its own host. */
  readonly alone?: CliError;
}

/** Drift, lag and failing are three things: each has its column, and none hides another. */
export async function showStatus(world: World, options: SessionOptions): Promise<void> {
  const state = await readState(world, options);
  const { hosts, alone } = state;
  const sick = hosts.filter(({ well }) => !well);
  if (alone || sick.length > 0) world.exitWith('unwell');
  if (options.json) return printJson(world, stateJson(state));
  if (hosts.length === 0)
    return printEmpty(world, 'No hosts yet. Start an agent on each: weft agent --controller URL');
  printHosts(world, hosts);
  for (const { name, reported } of hosts) if (reported?.status) printTroubles(world, name, reported.status);
  printNotices(world, state.notices);
  const style = styleFor(world.stdout, world.env);
  if (alone)
    world.stdout.write(
      `\n${style.red(printable(alone.message))}\nOnly this host is shown. The data plane goes on without the controller.\n`,
    );
  else
    world.stdout.write(
      `\n${sick.length === 0 ? style.green(sayWell(state)) : style.yellow(saySick(sick, hosts.length))}\n`,
    );
}

const sayWell = ({ hosts, revision }: ClusterState): string =>
  `${hosts.length === 1 ? 'The host is' : `All ${hosts.length} hosts are`} as wished at revision ${revision}.`;

const saySick = (sick: readonly HostState[], count: number): string =>
  `${sick.length} of ${count} host${count === 1 ? '' : 's'} need${sick.length === 1 ? 's' : ''} a look: ` +
  `${sick.map(({ name }) => name).join(', ')}.`;

async function readState(world: World, options: SessionOptions): Promise<ClusterState> {
  const asked = readOwn(world, options);
  try {
    const cluster = await withController(world, options, readCluster);
    const own = await asked;
    return own && !own.reported?.connected ? withOwn(cluster, own) : cluster;
  } catch (error) {
    if (!(error instanceof CliError) || error.exit !== 'unreachable' || options.controller) throw error;
    const own = await asked;
    if (!own) throw error;
    const revision = own.reported?.status?.headRevision ?? 0n;
    return { revision, hosts: [own], notices: [], alone: error };
  }
}

/** What this host's agent says of itself, if one runs here and says anything. */
async function readOwn(world: World, options: SessionOptions): Promise<HostState | undefined> {
  if (options.controller) return undefined;
  const own = await withAgent(world, options, ({ agent }) => agent.status({}, OWN_WORD)).catch(
    () => undefined,
  );
  if (!own?.status) return undefined;
  return judge(own.hostName, create(ReportedStatusSchema, { status: own.status, connected: own.connected }));
}

/**
 * It has no session, and so the controller has not heard from it why. One that is not taken may have the name of another,
 * or of itself before its data was lost.
 */
function withOwn(cluster: ClusterState, own: HostState): ClusterState {
  const idOf = ({ reported }: HostState) => reported?.status?.host;
  const others = cluster.hosts.filter((host) => idOf(host) !== idOf(own));
  const name = others.some((host) => host.name === own.name) ? `${own.name} (here)` : own.name;
  return { ...cluster, hosts: [...others, { ...own, name }] };
}

async function readCluster(clients: Clients): Promise<ClusterState> {
  const [{ hosts, revision }, { hosts: reported, notices }] = await Promise.all([
    readRecords(clients, ['host']),
    readStatuses(clients),
  ]);
  const statusOf = byHost(reported);
  return { revision, hosts: hosts.map(({ id, name }) => judge(name, statusOf.get(id))), notices };
}

function judge(name: string, reported: ReportedStatus | undefined): HostState {
  const status = reported?.status;
  if (!status) return { name, reported, lag: 0n, drift: 0, well: false };
  const { headRevision, appliedRevision, failing, notices } = status;
  const lag = headRevision > appliedRevision ? headRevision - appliedRevision : 0n;
  const drift = status.drift.reduce((sum, { missing, extra, changed }) => sum + missing + extra + changed, 0);
  const well = isThere(reported) && lag === 0n && drift + failing.length + notices.length === 0;
  return { name, reported, lag, drift, well };
}

const stateJson = ({ revision, hosts, notices, alone }: ClusterState) => ({
  well: !alone && hosts.every(({ well }) => well),
  revision: String(revision),
  hosts: hosts.map(({ name, well, lag, drift, reported }) => ({
    name,
    well,
    lag: String(lag),
    drift,
    ...(reported && (messageJson(ReportedStatusSchema, reported) as object)),
  })),
  notices: notices.map(({ code, title, sentence, next }) => ({ code, title, sentence, next })),
  ...(alone && { controller: alone.message }),
});

function printHosts(world: World, hosts: readonly HostState[]): void {
  const { red, green, yellow } = styleFor(world.stdout, world.env);
  const worry = (bad: boolean, paint: (text: string) => string) => (bad ? paint : undefined);
  printTable<HostState>(
    world,
    [
      { title: 'HOST', cell: ({ name }) => name },
      {
        title: 'AGENT',
        cell: ({ reported }) => describeAgent(reported),
        paint: ({ reported }) => (isThere(reported) ? green : red),
      },
      {
        title: 'REVISION',
        cell: ({ reported }) =>
          reported?.status ? `${reported.status.appliedRevision}/${reported.status.headRevision}` : '-',
        align: 'right',
      },
      {
        title: 'LAG',
        cell: ({ lag }) => `${lag}`,
        align: 'right',
        paint: ({ lag }) => worry(lag > 0n, yellow),
      },
      {
        title: 'DRIFT',
        cell: ({ drift }) => drift,
        align: 'right',
        paint: ({ drift }) => worry(drift > 0, yellow),
      },
      {
        title: 'FAILING',
        cell: ({ reported }) => reported?.status?.failing.length ?? 0,
        align: 'right',
        paint: ({ reported }) => worry((reported?.status?.failing.length ?? 0) > 0, red),
      },
      {
        title: 'NOTICES',
        cell: ({ reported }) => reported?.status?.notices.length ?? 0,
        align: 'right',
        paint: ({ reported }) => worry((reported?.status?.notices.length ?? 0) > 0, yellow),
      },
      { title: 'NETWORKS', cell: ({ reported }) => reported?.status?.networks ?? 0, align: 'right' },
      { title: 'ENDPOINTS', cell: ({ reported }) => reported?.status?.endpoints ?? 0, align: 'right' },
    ],
    hosts,
  );
}

/** What stands behind the numbers of one host. */
function printTroubles(
  world: World,
  name: string,
  { drift, failing, refused, notices, permits }: HostStatus,
): void {
  const { bold, green, red, yellow } = styleFor(world.stdout, world.env);
  const lines = [
    ...drift.map((one) => `  ${yellow('drift')}    ${printable(one.kind)}: ${describeDrift(one)}`),
    ...failing.map(
      ({ command, errno, text, retryable }) =>
        `  ${red('failing')}  ${printable(command)}\n           ${printable(`${text} (${errno})${retryable ? ', is tried again' : ''}`)}`,
    ),
    ...refused.map(
      (one) =>
        `  ${yellow('dropped')}  ${printable(`${describeRefused(one)}${one.endpoint && `, of endpoint ${one.endpoint}`}`)}`,
    ),
    ...permits.map((rule) => `  ${green('passes')}   ${printable(`by ${rule}`)}`),
    ...notices.map(
      ({ code, title, sentence, next }) =>
        `  ${yellow('notice')}   ${printable(`${title}: ${sentence} [${code}]`)}\n           ${printable(`next: ${next}`)}`,
    ),
  ];
  if (lines.length > 0) world.stdout.write(`\n${bold(printable(name))}\n${lines.join('\n')}\n`);
}

const describeDrift = ({ missing, extra, changed }: Drift): string =>
  Object.entries({ missing, extra, changed })
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`)
    .join(', ');
