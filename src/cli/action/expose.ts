import { setTimeout as sleep } from 'node:timers/promises';
import { type WishResponse, WishResponseSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { type Endpoint, EndpointSchema, type Host, type Network } from '#api/gen/weft/v1/records_pb.ts';
import { fault } from '#model/fault.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import { isNotExposed } from '#model/not-exposed.ts';
import type { Notice } from '#model/notice.ts';
import type { Clients } from '#transport/client.ts';
import { faultError } from '../cli-error.ts';
import { messageJson, printJson, printNotices, printPlans } from '../output/print.ts';
import { QUESTION, type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { findRecord, readRecords, readStatuses } from './records.ts';

export interface HideOptions extends SessionOptions {
  readonly host?: string;
  readonly dryRun?: boolean;
}

export interface ExposeOptions extends HideOptions {
  readonly ip?: readonly string[];
  readonly allowOverlap?: boolean;
}

/** The host does it by itself; this waits until it has. */
export async function exposeNetwork(world: World, options: ExposeOptions, network: string): Promise<void> {
  const { ip = [], allowOverlap, dryRun } = options;
  const { response, look } = await withController(world, options, async (clients, call) => {
    const host = await hostOf(clients, options);
    const wish = { network, host, addresses: [...ip], allowOverlap, dryRun };
    const answer = await clients.controller.exposeNetwork(wish, call);
    const seen = dryRun ? lookAt(clients, network, host) : until(clients, network, host, isIn);
    return { response: answer, look: await seen };
  });
  if (options.json)
    return printJson(world, {
      ...asJson(options, response, look),
      ...(look.endpoint && { endpoint: messageJson(EndpointSchema, look.endpoint) }),
    });
  const { host, endpoint } = look;
  // What the host says of it may be known before its endpoint, or after: with a notice it is not there yet.
  const there = !dryRun && look.notices.length === 0 ? endpoint : undefined;
  const done = dryRun ? 'would be exposed' : there ? 'is exposed' : 'is to be exposed';
  const as = there ? `: ${there.addresses.join(', ')} (${there.interface})` : '';
  world.stdout.write(`network ${look.network.name} ${done} on host ${host.name}${as}\n`);
  if (there) for (const line of routesFor(look)) world.stdout.write(`${line}\n`);
  finish(world, options, response, look.notices);
}

export async function hideNetwork(world: World, options: HideOptions, network: string): Promise<void> {
  const { dryRun } = options;
  const { response, look } = await withController(world, options, async (clients, call) => {
    const host = await hostOf(clients, options);
    const answer = await clients.controller.hideNetwork({ network, host, dryRun }, call);
    const seen = dryRun ? lookAt(clients, network, host) : until(clients, network, host, isOut);
    return { response: answer, look: await seen };
  });
  if (options.json) return printJson(world, asJson(options, response, look));
  const done = dryRun ? 'would be hidden' : 'is hidden';
  world.stdout.write(`network ${look.network.name} ${done} on host ${look.host.name}\n`);
  finish(world, options, response, look.notices);
}

/** The answer with what the host says of it, which people are told as well. */
const asJson = ({ dryRun }: HideOptions, response: WishResponse, look: Look): object => ({
  ...(messageJson(WishResponseSchema, response) as object),
  notices: [...response.notices, ...(dryRun ? [] : look.notices)].map(
    ({ code, title, sentence, next }): Notice => ({ code, title, sentence, next }),
  ),
});

function finish(
  world: World,
  { dryRun }: HideOptions,
  { plans, notices }: WishResponse,
  more: readonly Notice[],
): void {
  if (dryRun) printPlans(world, plans);
  printNotices(world, [...notices, ...(dryRun ? [] : more)]);
}

/** Without a word the one that `weft` runs on. */
async function hostOf({ controller }: Clients, { host }: HideOptions): Promise<string> {
  const own = host ?? (await controller.hello({}, QUESTION)).hostName;
  if (own) return own;
  const problem = 'is left out, and no agent of this host is asked, which would know';
  throw faultError('usage', fault('--host', '', problem, 'give --host'));
}

/** How it stands with a host in a network. */
interface Look {
  readonly host: Host;
  readonly network: Network;
  readonly endpoint?: Endpoint;
  /** Of the records, and how far the host's kernel has come. */
  readonly revision: bigint;
  readonly appliedRevision: bigint;
  readonly notices: readonly Notice[];
}

async function lookAt(clients: Clients, network: string, host: string): Promise<Look> {
  const [records, { hosts: reported }] = await Promise.all([
    readRecords(clients, ['network', 'host', 'endpoint']),
    readStatuses(clients),
  ]);
  const [net, on] = [
    findRecord('network', records.networks, network),
    findRecord('host', records.hosts, host),
  ];
  const endpoint = records.endpoints.find(
    (each) => each.runtime === 'host' && each.network === net.id && each.host === on.id,
  );
  const status = reported.find((each) => each.status?.host === on.id)?.status;
  return {
    ...{ host: on, network: net, endpoint },
    revision: records.revision,
    appliedRevision: status?.appliedRevision ?? 0n,
    notices: status?.notices.filter((each) => isNotExposed(each, net.name)) ?? [],
  };
}

const isIn = ({ endpoint }: Look): boolean => endpoint !== undefined;
const isOut = ({ endpoint }: Look): boolean => endpoint === undefined;

/**
 * The kernel takes milliseconds, and the host's word of it up to half a second; of commits that do not concern it, among
 * which this one may be, a host hears by the beat of every third second.
 */
const CARRY_OUT_LIMIT_MS = 15_000;
const LOOK_INTERVAL_MS = 100;

/** Until the host has done it, says why it cannot, or has taken too long. */
async function until(
  clients: Clients,
  network: string,
  host: string,
  isDone: (look: Look) => boolean,
): Promise<Look> {
  let goal: bigint | undefined;
  for (const deadline = Date.now() + CARRY_OUT_LIMIT_MS; ; await sleep(LOOK_INTERVAL_MS)) {
    const look = await lookAt(clients, network, host);
    if (isDone(look)) goal ??= look.revision;
    if (goal !== undefined && look.appliedRevision >= goal) return look;
    if (look.notices.length > 0) return look;
    if (Date.now() > deadline) return { ...look, notices: [LATE] };
  }
}

const LATE: Notice = {
  code: 'exposure-late',
  title: 'The host is not that far yet',
  sentence: 'The wish is kept, and the host has not carried it out within fifteen seconds.',
  next: 'weft status says what is in the way.',
};

/** What another machine is told to reach the network through the host. */
function* routesFor({ host, network }: Look): Generator<string> {
  for (const { cidr } of network.subnets) {
    const family = familyOf(cidr as Ip);
    const via = host.underlay.find((ip) => familyOf(ip as Ip) === family);
    if (via) yield `  on other machines: ip ${family === 6 ? '-6 ' : ''}route add ${cidr} via ${via}`;
  }
}
