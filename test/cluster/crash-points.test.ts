import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleToCrash } from '../crash/bundle.ts';
import { CrashWorld } from '../crash/crash-world.ts';
import { Lanes } from '../crash/lanes.ts';
import { isOfKernel } from '../crash/point.ts';
import { dieAt, listPoints } from '../crash/run-scenario.ts';
import { SCENARIOS, type Scenario } from '../crash/scenarios.ts';

/**
 * The agent, or the controller, killed with SIGKILL at every point of what it does: before and after each effect, and
 * before and after each single message to the kernel. Started again it must bring all to rights, with nothing leaked
 * and no ping lost between the containers that were not concerned; and what its user asked for must succeed when asked
 * again. Of the messages to the kernel so many of each story are taken, spread evenly; CRASH_POINTS=all takes every one, and every story;
 * CRASH_PART=2/5 the second fifth of those.
 */
const { CRASH_POINTS = '12', CRASH_PART = '1/1' } = process.env;
const WORLDS = 2;
const LIMIT_MS = 3_600_000;

let bundle: Awaited<ReturnType<typeof bundleToCrash>>;
let worlds: Lanes<CrashWorld>;
const tally = { points: 0, sent: 0, received: 0 };

beforeAll(async () => {
  bundle = await bundleToCrash();
  worlds = new Lanes(WORLDS, () => CrashWorld.start(bundle.program));
});
afterAll(async () => {
  for (const world of worlds.idle) {
    await endFlows(world);
    await world.remove();
  }
  bundle.remove();
  console.log(`died at ${tally.points} points; of ${tally.sent} pings ${tally.received} were answered`);
  expect(tally.sent).toBeGreaterThan(0);
  expect(tally.received).toBe(tally.sent);
});

async function endFlows(world: CrashWorld): Promise<void> {
  const { sent, received } = await world.endFlows();
  tally.sent += sent;
  tally.received += received;
}

/** By number, from 1: every effect, and so many of the kernel's. */
function choose(points: readonly string[], { most }: Scenario): number[] {
  const all = points.map((_, i) => i + 1);
  if (CRASH_POINTS === 'all') return all;
  if (most !== undefined) return spread(all, most);
  const isKernels = (at: number) => isOfKernel(points[at - 1]!);
  const taken = new Set(spread(all.filter(isKernels), Number(CRASH_POINTS)));
  return all.filter((at) => !isKernels(at) || taken.has(at));
}

/** So many of them, the first and the last among them. */
const spread = (all: readonly number[], most: number): number[] =>
  all.length <= most
    ? [...all]
    : Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / (most - 1))]!);

describe.concurrent('killed at every point', () => {
  test.each(SCENARIOS.filter(({ isTimed }) => CRASH_POINTS === 'all' || !isTimed))(
    '$victim: $name',
    async (scenario) => {
      const world = await worlds.take();
      const beganMs = Date.now();
      try {
        const points = await listPoints(world, scenario);
        const [part, parts] = CRASH_PART.split('/').map(Number) as [number, number];
        const chosen = [...choose(points, scenario), 'answered' as const].filter(
          (_, i) => i % parts === part - 1,
        );
        for (const at of chosen) {
          const name = await dieAt(world, scenario, at);
          if (process.env.CRASH_VERBOSE) console.log(`${scenario.victim}: ${scenario.name}: ${at} ${name}`);
        }
        tally.points += chosen.length;
        const seconds = ((Date.now() - beganMs) / 1000).toFixed(0);
        console.log(
          `${scenario.victim}: ${scenario.name}: died at ${chosen.length} of ${points.length + 1} points in ${seconds} s`,
        );
        worlds.giveBack(world);
      } catch (error) {
        const logs = world.logs();
        worlds.giveBack();
        await world.remove();
        throw new Error(`${(error as Error).message}\n${logs}`);
      }
    },
    LIMIT_MS,
  );
});
