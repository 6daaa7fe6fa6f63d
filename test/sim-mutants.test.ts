import { afterAll, describe, expect, it } from 'vitest';
import { loadMutant } from './sim/load-mutant.ts';
import { MUTANTS } from './sim/mutants.ts';
import { runScenario } from './sim/run-scenario.ts';
import { drawScenario } from './sim/scenario.ts';

/** As many as the simulator itself runs in CI. */
const MOST_SEEDS = 500;

const found: string[] = [];
afterAll(() => console.log(found.join('\n')));

/** A simulator that no fault of the code can upset proves nothing: each of these must be found. */
describe('the simulator finds that', () => {
  it.each(MUTANTS)(
    '$name',
    async (mutant) => {
      const cores = await loadMutant(mutant);
      const { from = 1 } = mutant;
      for (let seed = from; seed < from + MOST_SEEDS; seed++) {
        const { violation } = await runScenario(drawScenario(seed), cores);
        if (!violation) continue;
        found.push(`${mutant.name}: "${violation.invariant}", by seed ${seed}`);
        return;
      }
      expect.fail(`${MOST_SEEDS} seeds hold with: ${mutant.name}`);
    },
    1_800_000,
  );

  it.each(['is not there', 'import '])(
    'a text that is not in its file once, like "%s", is no mutant',
    async (find) => {
      const mutant = { name: 'outdated', file: 'agent/core.ts', find, become: '' };
      await expect(loadMutant(mutant)).rejects.toThrow(
        /mutant "outdated": its text is in agent\/core.ts \d+ times/,
      );
    },
  );
});
