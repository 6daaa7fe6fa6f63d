import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHost } from '#lab/layout.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import type { Daemon } from './daemon.ts';
import type { Ground } from './ground.ts';
import { LocalClient } from './local-client.ts';

export const NETWORK = 'bench';

/** What the answer to an attach says of the endpoint. */
export interface Attached {
  readonly id: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** A host with its agent running. */
export interface Member {
  readonly daemon: Daemon;
  readonly client: LocalClient;
  readonly containers: readonly string[];
}

/** A controller, an agent on each of the hosts, and a dual-stack network over them; `internal` has no way out. */
export async function startCluster(
  ground: Ground,
  {
    mode = 'proxy',
    internal = false,
    hosts = ground.layout.hosts,
  }: { mode?: TunnelMode; internal?: boolean; hosts?: readonly LabHost[] } = {},
): Promise<Member[]> {
  const controller = await ground.startController();
  const members: Member[] = [];
  for (const host of hosts) {
    const daemon = await ground.startAgent(host);
    const client = new LocalClient(daemon.socket, 'AgentService');
    members.push({ daemon, client, containers: host.containers.map(({ namespace }) => namespace) });
  }
  const operator = new LocalClient(controller.socket, 'ControllerService');
  const subnets = ['10.1.0.0/16', 'fd01::/64'];
  await operator.call('CreateNetwork', { name: NETWORK, subnets, mode, internal });
  operator.close();
  return members;
}

/** Answered when its packets can flow. */
export async function attachTo({ client }: Pick<Member, 'client'>, namespace: string): Promise<Attached> {
  const { endpoint } = await client.call<{ endpoint: Attached }>('Attach', { namespace, network: NETWORK });
  return endpoint;
}

export const detachFrom = async ({ client }: Member, endpoint: string): Promise<void> =>
  void (await client.call('Detach', { endpoint }));

/** How long each took, one after the other. */
export async function timeEach<T>(
  items: readonly T[],
  action: (item: T) => Promise<unknown>,
): Promise<number[]> {
  const timesMs: number[] = [];
  for (const item of items) {
    const startMs = performance.now();
    await action(item);
    timesMs.push(performance.now() - startMs);
  }
  return timesMs;
}

const AGE = 1000;
/** What is put off behind answers is done by then. */
const BREATH_MS = 150;

/**
 * An agent that has attached a thousand endpoints, as one of a day's age has: V8 compiles what runs often, so a new one
 * is slower. How long its first hundred took, round by round.
 */
export async function age(member: Member, containers: readonly string[]): Promise<number[][]> {
  const rounds: number[][] = [];
  for (let count = 0; count < AGE; count += containers.length) {
    const attached: Attached[] = [];
    rounds.push(
      await timeEach(containers, async (container) => attached.push(await attachTo(member, container))),
    );
    await sleep(BREATH_MS);
    await Promise.all(attached.map(({ id }) => detachFrom(member, id)));
    await sleep(BREATH_MS);
  }
  return rounds.slice(0, Math.ceil(100 / containers.length));
}
