import { act, calm } from './act.ts';
import type { Scenario } from './action.ts';
import { Bridges } from './bridges.ts';
import { ControllerProcess } from './controller-process.ts';
import type { Cores } from './cores.ts';
import { Engines } from './engines.ts';
import { checkHealed } from './healed.ts';
import { Ledger } from './ledger.ts';
import { Machine } from './machine.ts';
import { Phases } from './phases.ts';
import { checkQuestions } from './questions.ts';
import { Random } from './random.ts';
import { RestCheck } from './rest-check.ts';
import { StoreModel } from './store-model.ts';
import { Timeline } from './timeline.ts';
import { Users } from './users.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** How long after the last fault everything must be as it should be: an attach may take 30 s, a retry as long again. */
const HEAL_LIMIT_MS = 70_000;
/** Then nothing is written any more, though every agent looks again. */
const QUIET_MS = 12_000;

export interface Outcome {
  readonly violation?: Violation;
  readonly events: number;
  readonly simulatedMs: number;
  /** How often what happened. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Runs a scenario to its end or to the first violation. `hear` is told what happens, line by line. */
export async function runScenario(
  scenario: Scenario,
  cores: Cores,
  hear?: (line: string) => void,
): Promise<Outcome> {
  const counts = new Map<string, number>();
  const { world, users, engines } = createWorld(scenario, cores, counts, hear);
  const { timeline } = world;
  let violation: Violation | undefined;
  try {
    await play(world, users, engines, scenario);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
    hear?.(`${timeline.nowMs.toFixed(1)} VIOLATION ${error.message}`);
  }
  return { violation, events: timeline.events, simulatedMs: timeline.nowMs, counts };
}

async function play(
  world: World,
  users: Users,
  engines: Engines,
  { actions, calmAtMs }: Scenario,
): Promise<void> {
  const { timeline, controller, rival, machines } = world;
  for (const process of [controller, rival]) await process.start();
  for (const machine of machines) await machine.boot();
  for (const action of actions) timeline.at(action.atMs, () => act(world, users, engines, action));
  timeline.at(calmAtMs, () => calm(world));
  await timeline.runUntil(calmAtMs + HEAL_LIMIT_MS);
  await checkHealed(world, users, engines);
  const writes = machines.map((machine) => machine.writes);
  await timeline.runUntil(timeline.nowMs + QUIET_MS);
  machines.forEach((machine, index) => {
    if (machine.writes !== writes[index]) throw new Violation('rest is rest', `${machine.name} still writes`);
  });
  await checkQuestions(world);
}

function createWorld(
  { seed, hosts, calmAtMs }: Scenario,
  cores: Cores,
  counts: Map<string, number>,
  hear: ((line: string) => void) | undefined,
): { world: World; users: Users; engines: Engines } {
  const timeline = new Timeline();
  const random = new Random(seed).fork('world');
  const ledger = new Ledger();
  const phases = new Phases();
  const machines: Machine[] = [];
  const count: World['count'] = (what) => counts.set(what, (counts.get(what) ?? 0) + 1);
  const rests = new RestCheck(machines, count);
  const store = new StoreModel(
    () => new cores.MemoryStore(),
    async (before, batch, after) => {
      world.note('store', () => `${batch.revision}: ${JSON.stringify(batch.changes.map(shorten))}`);
      ledger.check(before, batch, after);
      phases.check(world, before, batch, after);
      await rests.check(before, batch.changes);
      for (const process of [world.controller, world.rival]) process.feed();
    },
  );
  const parts = { cores, timeline, random, store, ledger, phases, machines, calmAtMs };
  const note: World['note'] = (who, what) => hear?.(`${timeline.nowMs.toFixed(1)} ${who}: ${what()}`);
  const world = { ...parts, note, count } as unknown as World & {
    controller: ControllerProcess;
    rival: ControllerProcess;
    bridges: Bridges;
  };
  world.controller = new ControllerProcess(world, 'controller', () => {
    for (const { wire } of machines) wire.breakOff();
  });
  world.rival = new ControllerProcess(world, 'rival', () => {});
  world.bridges = new Bridges(world, new Random(seed).fork('bridges'));
  for (let index = 0; index < hosts; index++) machines.push(new Machine(world, index));
  const [users, engines] = [new Random(seed).fork('users'), new Random(seed).fork('engines at work')];
  return { world, users: new Users(world, users), engines: new Engines(world, engines) };
}

const shorten = (change: import('#model/records.ts').Change) =>
  change.verb === 'put'
    ? `put ${change.record.kind} ${change.record.id.slice(-6)}`
    : `delete ${change.ref.kind} ${change.ref.id.slice(-6)}`;
