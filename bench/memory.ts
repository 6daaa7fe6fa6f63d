import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchOptions } from './bench.ts';
import { stop } from './daemon.ts';
import { atMost, figure, median } from './figure.ts';
import { onGround } from './ground.ts';
import { startPaperCluster } from './paper-cluster.ts';
import { memoryMiB } from './process.ts';

/** An agent collects what nobody needs, and gives it back, in the quarter of a minute after its work is done. */
const REST_MS = 25_000;
const SAMPLES = 10;
const SAMPLE_INTERVAL_MS = 500;

interface Memory {
  readonly now: number[];
  readonly peak: number[];
}

/**
 * Resident memory of a controller, and of an agent whose network reaches all of its endpoints, when they have come
 * to rest. In mode proxy, both families.
 */
export const memory: Bench = async (options) => {
  const count = options.endpoints ?? 100_000;
  const empty = await measure(options, 1);
  const full = await measure(options, count);
  const bare = await bareNodeMiB();
  const perEndpoint = full.agent.now.map((mib) => ((mib - median(empty.agent.now)) * 2 ** 20) / count);
  return {
    name: 'memory',
    metrics: {
      agentMiB: atMost(80 + (512 * count) / 2 ** 20, figure(full.agent.now)),
      agentPeakMiB: figure(full.agent.peak),
      agentBytesPerEndpoint: figure(perEndpoint),
      agentAloneMiB: figure(empty.agent.now),
      controllerMiB: atMost(400, figure(full.controller.now)),
      controllerPeakMiB: figure(full.controller.peak),
      controllerAloneMiB: figure(empty.controller.now),
    },
    floor: { bareNodeMiB: figure(bare) },
    ratios: { agentToBareNode: figure(full.agent.now.map((mib) => mib / median(bare))) },
  };
};

function measure(options: BenchOptions, endpoints: number): Promise<{ controller: Memory; agent: Memory }> {
  return onGround(options, [1], async (ground) => {
    const { controller, agent } = await startPaperCluster(ground, endpoints, 'proxy');
    await sleep(REST_MS);
    const result = { controller: await watch(controller.child.pid!), agent: await watch(agent.child.pid!) };
    await Promise.all([agent, controller].map(stop));
    return result;
  });
}

async function watch(pid: number): Promise<Memory> {
  const memory: Memory = { now: [], peak: [] };
  for (let i = 0; i < SAMPLES; i++) {
    const { now, peak } = memoryMiB(pid);
    memory.now.push(now);
    memory.peak.push(peak);
    await sleep(SAMPLE_INTERVAL_MS);
  }
  return memory;
}

/** What Node itself takes, doing nothing. */
async function bareNodeMiB(): Promise<number[]> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  await sleep(1_000);
  const { now } = memoryMiB(child.pid!);
  await stop({ child });
  return [now];
}
