import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchOptions } from './bench.ts';
import { stop } from './daemon.ts';
import { atMost, figure, median } from './figure.ts';
import { compileFloor, Floor } from './floor.ts';
import { onGround } from './ground.ts';
import { countChanges, overlayOf } from './kernel-writes.ts';
import { startPaperCluster } from './paper-cluster.ts';
import { cpuMs } from './process.ts';

/** Links that came up late, the look after a bulk of rows, what it leaves given back, the view on its way to the disk. */
const REST_MS = 30_000;
/** In each there is one sum of all rows. */
const WINDOW_MS = 26_000;

interface Idle {
  readonly percent: number[];
  readonly changes: number[];
}

/** What an agent costs while nothing happens: time of one core, and changes in its overlay namespace. Mode proxy. */
export const idle: Bench = async (options) => {
  const few = await measure(options, 1_000);
  const many = await measure(options, options.endpoints ?? 100_000);
  const floor = new Floor(await compileFloor('rows'), [options.endpoints ?? 100_000, 0, 100]);
  const dumpsMs = [(await floor.ask(''))[1]!, (await floor.ask(''))[1]!];
  await floor.close();
  return {
    name: 'idle',
    metrics: {
      fewEndpointsCpuPercent: atMost(1, figure(few.percent)),
      fewEndpointsChanges: atMost(0, figure(few.changes)),
      manyEndpointsCpuPercent: atMost(3, figure(many.percent)),
      manyEndpointsChanges: atMost(0, figure(many.changes)),
    },
    floor: { fdbDumpMs: figure(dumpsMs) },
    ratios: {
      /** How many dumps of the FDB a C program could make for it. */
      manyEndpointsToDumpsPerSecond: figure(many.percent.map((percent) => (percent * 10) / median(dumpsMs))),
    },
  };
};

function measure(options: BenchOptions, endpoints: number): Promise<Idle> {
  return onGround(options, [1], async (ground) => {
    const { controller, agent } = await startPaperCluster(ground, endpoints, 'proxy');
    await sleep(REST_MS);
    const result: Idle = { percent: [], changes: [] };
    const changes = countChanges(overlayOf(agent.hostId));
    for (let i = 0; i < (options.repeat ?? 1); i++) {
      const [before, startMs, heard] = [cpuMs(agent.child.pid!), performance.now(), changes.count()];
      await sleep(WINDOW_MS);
      result.percent.push((100 * (cpuMs(agent.child.pid!) - before)) / (performance.now() - startMs));
      result.changes.push(changes.count() - heard);
    }
    changes.close();
    await Promise.all([agent, controller].map(stop));
    return result;
  });
}
