import { setTimeout as sleep } from 'node:timers/promises';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { attachTo } from './cluster.ts';
import type { Daemon } from './daemon.ts';
import type { Ground } from './ground.ts';
import { LocalClient } from './local-client.ts';
import { paperCluster, seedStore } from './seed.ts';

const POLL_INTERVAL_MS = 25;
const LIMIT_MS = 120_000;

export interface PaperCluster {
  readonly controller: Daemon;
  readonly agent: Daemon;
}

/** A controller that knows so many endpoints elsewhere, and one agent in their network with one container of its own. */
export async function startPaperCluster(
  ground: Ground,
  endpoints: number,
  mode: TunnelMode,
): Promise<PaperCluster> {
  await seedStore(ground.layout, paperCluster(endpoints, mode));
  const controller = await ground.startController();
  const agent = await ground.startAgent(ground.host(1));
  const client = new LocalClient(agent.socket, 'AgentService');
  await attachTo({ client }, ground.host(1).containers[0]!.namespace);
  client.close();
  await untilSettled(agent);
  return { controller, agent };
}

interface Status {
  readonly status?: {
    readonly appliedRevision?: string;
    readonly headRevision?: string;
    readonly networks?: number;
    readonly drift?: readonly unknown[];
    readonly failing?: readonly unknown[];
  };
}

/** Until the agent says that its kernel is as its view has it; gives when it said so. Throws what fails instead. */
export async function untilSettled({ socket, child }: Daemon): Promise<number> {
  const client = new LocalClient(socket, 'AgentService');
  try {
    for (const deadline = Date.now() + LIMIT_MS; Date.now() < deadline; await sleep(POLL_INTERVAL_MS)) {
      if (child.exitCode !== null) throw new Error('the agent ended');
      const answer = await client.call<Status>('Status', {}).catch(notYet);
      if (answer && isSettled(answer)) return Date.now();
    }
    throw new Error(`the agent has not settled in ${LIMIT_MS / 1000} s`);
  } finally {
    client.close();
  }
}

function isSettled({ status }: Status): boolean {
  if (status?.failing?.length) throw new Error(`the kernel refused: ${JSON.stringify(status.failing[0])}`);
  const applied = Number(status?.appliedRevision ?? 0);
  return applied > 0 && applied === Number(status?.headRevision) && status?.networks === 1;
}

/** It does not listen yet. */
function notYet(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED') throw error;
}
