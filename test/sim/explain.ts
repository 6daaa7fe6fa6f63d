import type { Scenario } from './action.ts';
import type { Cores } from './cores.ts';
import { runScenario } from './run-scenario.ts';
import { shrink } from './shrink.ts';

const MOST_LINES = 120;
const LONGEST_LINE = 400;

/** What people are told of a seed that fails: how to replay it, and the shortest way to its violation. */
export async function explain(scenario: Scenario, cores: Cores): Promise<string> {
  const shortest = await shrink(scenario, cores);
  const lines: string[] = [];
  const { violation } = await runScenario(shortest, cores, (line) => lines.push(line.slice(0, LONGEST_LINE)));
  return [
    `SEED=${scenario.seed} ${violation?.message}`,
    `replay: SEED=${scenario.seed} npx vitest run --project faults test/sim.test.ts`,
    `${shortest.actions.length} of ${scenario.actions.length} actions suffice; the last of what happened then:`,
    ...lines.filter((line) => !line.includes(' hears beat ')).slice(-MOST_LINES),
  ].join('\n');
}
