import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectError } from '@connectrpc/connect';
import type { HostPlan } from '#api/gen/weft/v1/controller_pb.ts';
import type { Network } from '#api/gen/weft/v1/records_pb.ts';
import type { Id } from '#model/id.ts';
import { adoptedTunnelName, hostTag, overlayNamespace } from '#model/own.ts';
import type { Vni } from '#model/vni.ts';
import type { Clients } from '#transport/client.ts';
import { type CallOptions, QUESTION } from '../session.ts';
import { byHost } from './host.ts';
import { findRecord, readRecords, readStatuses } from './records.ts';

/** One host of a network that is being changed. */
export interface HostChange {
  readonly host: string;
  readonly state: 'done' | 'behind' | 'refused' | 'away';
  /** What its kernel refused, while it waited. */
  readonly refusal?: string;
  /** For how long its tunnel carried nothing: 0 if it was not made anew, undefined if its agent was not there to see. */
  readonly lostMs?: number;
}

export interface ChangeLook {
  readonly network: Network;
  readonly hosts: readonly HostChange[];
}

const LOOK_INTERVAL_MS = 150;
/** A host that is there tells what it did within half a second, mostly. */
const TELL_LIMIT_MS = 5_000;
/** A controller that is killed is back by then. */
const PATIENCE_MS = 30_000;

/** Waits until the change that began at `revision` is over and its hosts have told; `tell` hears what it waits for. */
export async function followChange(
  clients: Clients,
  signal: AbortSignal,
  id: string,
  revision: bigint,
  plans: readonly HostPlan[],
  tell: (text: string) => void,
): Promise<ChangeLook> {
  let told = '';
  const refusals = new Map<string, string>();
  let overAtMs: number | undefined;
  for (;;) {
    const { network, hosts } = await patiently(signal, () =>
      lookAtChange(clients, { ...QUESTION, signal }, id, revision, plans),
    );
    for (const { host, refusal } of hosts) if (refusal && network.change) refusals.set(host, refusal);
    const behind = hosts.filter(({ state }) => state !== 'done').map(describeBehind);
    if (!network.change) {
      overAtMs ??= Date.now();
      const here = hosts.every(({ state }) => state === 'done' || state === 'away');
      if (here || Date.now() - overAtMs > TELL_LIMIT_MS)
        return { network, hosts: hosts.map((each) => ({ ...each, refusal: refusals.get(each.host) })) };
    } else {
      const text = `${network.change.phase}: ${behind.length > 0 ? `waits for ${behind.join(', ')}` : 'every host is done'}`;
      if (text !== told) tell(text);
      told = text;
    }
    await sleep(LOOK_INTERVAL_MS, undefined, { signal });
  }
}

const describeBehind = ({ host, state, refusal }: HostChange): string =>
  `${host} (${refusal ? `refused: ${refusal}` : state})`;

/** The change goes on without whoever looks on. */
async function patiently<T>(signal: AbortSignal, look: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(LOOK_INTERVAL_MS, undefined, { signal })) {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof ConnectError) || signal.aborted || Date.now() > deadline) throw error;
    }
  }
}

async function lookAtChange(
  clients: Clients,
  call: CallOptions,
  id: string,
  begun: bigint,
  plans: readonly HostPlan[],
): Promise<ChangeLook> {
  const [records, { hosts: reported }] = await Promise.all([
    readRecords(clients, ['network', 'host', 'endpoint', 'adoption', 'exposure'], call),
    readStatuses(clients, call),
  ]);
  const network = findRecord('network', records.networks, id);
  const statusOf = byHost(reported);
  const { endpoints, adoptions, exposures } = records;
  const places = [...endpoints, ...adoptions, ...exposures].filter((each) => each.network === id);
  const members = new Set(places.map(({ host }) => host));
  const since = network.change ? BigInt(network.change.since) : begun;
  const hosts = records.hosts.filter((host) => members.has(host.id));
  return {
    network,
    hosts: hosts.map(({ id: host, name }): HostChange => {
      const { connected, status } = statusOf.get(host) ?? { connected: false };
      // Once the change is over the host has it all when it is behind in nothing.
      const goal = network.change ? since : (status?.headRevision ?? since);
      const done = status !== undefined && status.appliedRevision >= goal && status.appliedRevision >= since;
      const vni = network.vni as Vni;
      const place = network.adopts ? adoptedTunnelName(vni) : overlayNamespace(hostTag(host as Id), vni);
      const refused = status?.failing.find(({ command }) => command.includes(place));
      const outage = status?.outages.find((each) => each.network === id && each.revision >= Number(begun));
      const isLossy = plans.some((plan) => plan.host === name && plan.loss !== '');
      return {
        host: name,
        state: !connected ? 'away' : refused ? 'refused' : done ? 'done' : 'behind',
        refusal: refused && `${refused.command}: ${refused.text} (${refused.errno})`,
        lostMs: outage?.durationMs ?? (isLossy ? undefined : 0),
      };
    }),
  };
}
