import { setTimeout as sleep } from 'node:timers/promises';
import { RealKernel } from '#kernel/real-kernel.ts';
import { run } from '#lab/run.ts';
import type { Id } from '#model/id.ts';
import { hostTag } from '#model/own.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { type Daemon, stop } from './daemon.ts';
import { REFERENCE_ROWS_PER_SECOND } from './fdb.ts';
import { atMost, type Figures, figure, median, ratio, slowness } from './figure.ts';
import { compileFloor, Floor } from './floor.ts';
import { onGround } from './ground.ts';
import { countChanges, overlayOf } from './kernel-writes.ts';
import { startPaperCluster, untilSettled } from './paper-cluster.ts';

const BATCH = 100;
const REST_MS = 500;
/** The kernel tells a bridge's carrier by an event of its own, up to a second late (net/core/link_watch.c). */
const LINK_WATCH_MS = 1_200;
/** Of an endpoint in `proxy`: IPv4, IPv6 and link-local. */
const NEIGHBOURS = { static: 0, proxy: 3 } as const;

interface Times {
  /** From the start of the process. */
  readonly coldMs: number[];
  readonly warmMs: number[];
  readonly warmChanges: number[];
  readonly floorMs: number[];
}

/**
 * An agent's start with no controller in reach: from the view on its disk into an empty kernel, and again into one
 * that is right already. Counted from the start of its process.
 */
export const sync: Bench = async (options) => {
  const rows = await measureMode(options, 'static');
  const dual = await measureMode(options, 'proxy');
  const count = options.endpoints ?? 100_000;
  const slow = (times: Times, rowsEach: number) =>
    slowness(median(times.floorMs) / (count * rowsEach), 1000 / REFERENCE_ROWS_PER_SECOND);
  return {
    name: 'sync',
    metrics: {
      staticColdMs: atMost(800 * slow(rows, 1), figure(rows.coldMs)),
      staticUnchangedMs: atMost(1500 * slow(rows, 1), figure(rows.warmMs)),
      staticUnchangedWrites: atMost(0, figure(rows.warmChanges)),
      proxyColdMs: atMost(3 * 800 * slow(rows, 1), figure(dual.coldMs)),
      proxyUnchangedMs: figure(dual.warmMs),
      proxyUnchangedWrites: atMost(0, figure(dual.warmChanges)),
    },
    floor: { staticRowsMs: figure(rows.floorMs), proxyRowsMs: figure(dual.floorMs) } satisfies Figures,
    ratios: {
      staticColdToFloor: ratio(rows.coldMs, rows.floorMs),
      proxyColdToFloor: ratio(dual.coldMs, dual.floorMs),
    },
  };
};

function measureMode(options: BenchOptions, mode: keyof typeof NEIGHBOURS): Promise<Times> {
  const count = options.endpoints ?? 100_000;
  const times: Times = { coldMs: [], warmMs: [], warmChanges: [], floorMs: [] };
  return onGround(options, [1], async (ground) => {
    const floor = new Floor(await compileFloor('rows'), [count, count * NEIGHBOURS[mode], BATCH]);
    const { controller, agent } = await startPaperCluster(ground, count, mode);
    await stop(agent);
    await stop(controller);
    const overlay = overlayOf(agent.hostId);
    const start = async (): Promise<number> => {
      const startedMs = Date.now();
      const daemon: Daemon = ground.spawnAgent(ground.host(1));
      const settledMs = await untilSettled(daemon);
      await stop(daemon);
      return settledMs - startedMs;
    };
    for (let i = 0; i < (options.repeat ?? 3); i++) {
      times.floorMs.push((await floor.ask(''))[0]!);
      await removeOverlay(agent.hostId, overlay);
      times.coldMs.push(await start());
      await sleep(LINK_WATCH_MS);
      const changes = countChanges(overlay);
      times.warmMs.push(await start());
      await sleep(REST_MS);
      times.warmChanges.push(changes.count());
      changes.close();
    }
    await floor.close();
    await expectRows(overlay, count);
    return times;
  });
}

/** As after a fault that took all of it; what is deleted keeps the kernel busy for a while. */
async function removeOverlay(host: string, ns: string): Promise<void> {
  const kernel = new RealKernel();
  const scope = { hostTag: hostTag(host as Id), containers: [] };
  await kernel.apply([{ verb: 'delete', object: { kind: 'namespace', ns } }], scope);
  await kernel.close();
  await sleep(REST_MS);
}

/** `bridge fdb show` is the witness. */
async function expectRows(namespace: string, count: number): Promise<void> {
  const { stdout } = await run('bridge', ['fdb', 'show', 'dev', 'vxlan0'], { namespace });
  const found = stdout.split('\n').filter((line) => /^02:.* dst /.test(line)).length;
  if (found !== count) throw new Error(`${found} rows in the kernel, not ${count}`);
}
