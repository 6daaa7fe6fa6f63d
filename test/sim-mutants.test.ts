import { describe, expect, it } from 'vitest';
import { loadMutant } from './sim/load-mutant.ts';
import { MUTANTS } from './sim/mutants.ts';
import { runScenario } from './sim/run-scenario.ts';
import { drawScenario } from './sim/scenario.ts';

/** As many as the simulator itself runs in CI. */
const MOST_SEEDS = 500;

/** A simulator that no fault of the code can upset proves nothing: each of these must be found. */
describe('the simulator finds that', () => {
  it.each(MUTANTS)(
    '$name',
    async (mutant) => {
      const cores = await loadMutant(mutant);
      let found: string | undefined;
      for (let seed = 1; !found && seed <= MOST_SEEDS; seed++)
        found = (await runScenario(drawScenario(seed), cores)).violation?.invariant;
      expect(found).toBeDefined();
    },
    300_000,
  );
});
