import type { Action, Scenario } from './action.ts';
import type { Cores } from './cores.ts';
import { runScenario } from './run-scenario.ts';

/** Enough for most; the rest is still far shorter than the whole. */
const MOST_RUNS = 300;

/** The same violation with as few actions as can be found by leaving out ever smaller pieces (delta debugging). */
export async function shrink(scenario: Scenario, cores: Cores): Promise<Scenario> {
  const wanted = (await runScenario(scenario, cores)).violation?.invariant;
  let runs = 0;
  const fails = async (actions: readonly Action[]) => {
    runs++;
    return (await runScenario({ ...scenario, actions }, cores)).violation?.invariant === wanted;
  };
  let actions = scenario.actions;
  for (let size = Math.ceil(actions.length / 2); size >= 1 && runs < MOST_RUNS; size = Math.floor(size / 2))
    for (let start = 0; start < actions.length && runs < MOST_RUNS; ) {
      const without = [...actions.slice(0, start), ...actions.slice(start + size)];
      if (await fails(without)) actions = without;
      else start += size;
    }
  return { ...scenario, actions };
}
