import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MortalDaemon } from '#lab/machine/mortal-daemon.ts';
import type { CrashWorld } from './crash-world.ts';
import type { Scenario } from './scenarios.ts';

/** How long a point may let wait for itself: what an idle process does every few seconds counts on. */
const POINT_LIMIT_MS = 60_000;

/** The points that the victim passes, by name and in order, if nobody dies. */
export async function listPoints(world: CrashWorld, scenario: Scenario): Promise<string[]> {
  await prepare(world, scenario);
  const names = arm(world, scenario, 0);
  await scenario.act(world);
  await world.settled();
  const points = names();
  // It counts on until its end.
  const victim = victimOf(world, scenario);
  await victim.stop('SIGKILL');
  disarm(world, scenario);
  victim.start();
  await finish(world, scenario);
  return points;
}

/**
 * The victim dies at that point (from 1; or by our hand once it has answered), is started again, and all must be well;
 * then the user asks once more, and all must be well again. Gives the point's name.
 */
export async function dieAt(world: CrashWorld, scenario: Scenario, at: number | 'answered'): Promise<string> {
  await prepare(world, scenario);
  const names = arm(world, scenario, at === 'answered' ? 0 : at);
  const victim = victimOf(world, scenario);
  const acting = scenario.act(world);
  if (at === 'answered') {
    await acting;
    await victim.stop('SIGKILL');
  }
  const late = sleep(POINT_LIMIT_MS, 'still runs', { ref: false });
  const end = await Promise.race([victim.ended(), late]);
  const passed = names();
  if (end !== 'SIGKILL' || (at !== 'answered' && passed.length !== at))
    throw new Error(`was to die at point ${at}, but ${end} after ${passed.length}: ${passed.at(-1)}`);
  const name = at === 'answered' ? 'after the answer' : passed.at(-1)!;
  try {
    disarm(world, scenario);
    victim.start();
    await acting;
    await world.settled();
    await scenario.repeat(world);
    await finish(world, scenario);
    return name;
  } catch (error) {
    throw new Error(`after a death at ${name}: ${(error as Error).message}`, { cause: error });
  }
}

const victimOf = (world: CrashWorld, { victim }: Scenario): MortalDaemon =>
  victim === 'controller' ? world.controller : world.agent(victim);

async function prepare(world: CrashWorld, scenario: Scenario): Promise<void> {
  const { prepare } = scenario;
  if (!prepare) return;
  await prepare(world);
  if (victimOf(world, scenario).isRunning) await world.settled();
}

async function finish(world: CrashWorld, { undo }: Scenario): Promise<void> {
  await world.settled();
  await undo?.(world);
  await world.settled();
  const lost = await world.lostPings();
  if (lost.length > 0) throw new Error(`pings were lost: ${lost.join(', ')}`);
}

/** From now on the victim counts; gives the way to read what it passed. */
function arm(world: CrashWorld, { victim }: Scenario, at: number): () => string[] {
  const plan = world.planOf(victim);
  // Whole or not at all: it may be read at any moment.
  writeFileSync(`${plan}.new`, String(at));
  renameSync(`${plan}.new`, plan);
  return () =>
    existsSync(`${plan}.trace`)
      ? readFileSync(`${plan}.trace`, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.slice(line.indexOf(' ') + 1))
      : [];
}

function disarm(world: CrashWorld, { victim }: Scenario): void {
  rmSync(world.planOf(victim));
  rmSync(`${world.planOf(victim)}.trace`, { force: true });
}
