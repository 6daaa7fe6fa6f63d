import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchOptions } from './bench.ts';
import { stop } from './daemon.ts';
import { atMost, figure, median } from './figure.ts';
import { compileFloor, Floor } from './floor.ts';
import { onGround } from './ground.ts';
import { countChanges, overlayOf } from './kernel-writes.ts';
import { startPaperCluster } from './paper-cluster.ts';
import { cpuMs } from './process.ts';

/**
 * How long it rests before it is measured: links that came up late, the look after a bulk of rows, what it leaves given
 * back, the view on its way to the disk. In what is measured there is a sum of all rows.
 */
const FEW = { endpoints: 1_000, restMs: 20_000, windowMs: 26_000 };
const MANY = { endpoints: 100_000, restMs: 30_000, windowMs: 120_000 };

interface Idle {
  readonly percent: number[];
  readonly changes: number[];
}

/** What an agent costs while nothing happens: time of one core, and changes in its overlay namespace. Mode proxy. */
export const idle: Bench = async (options) => {
  const few = await measure(options, FEW);
  const { endpoints = MANY.endpoints } = options;
  const many = await measure(options, { ...MANY, endpoints });
  const floor = new Floor(await compileFloor('rows'), [endpoints, 0, 100]);
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

function measure(options: BenchOptions, { endpoints, restMs, windowMs }: typeof FEW): Promise<Idle> {
  return onGround(options, [1], async (ground) => {
    const { controller, agent } = await startPaperCluster(ground, endpoints, 'proxy');
    await sleep(restMs);
    const result: Idle = { percent: [], changes: [] };
    const changes = countChanges(overlayOf(agent.hostId));
    for (let i = 0; i < (options.repeat ?? 1); i++) {
      const [before, startMs, heard] = [cpuMs(agent.child.pid!), performance.now(), changes.count()];
      await sleep(windowMs);
      result.percent.push((100 * (cpuMs(agent.child.pid!) - before)) / (performance.now() - startMs));
      result.changes.push(changes.count() - heard);
    }
    changes.close();
    await Promise.all([agent, controller].map(stop));
    return result;
  });
}
