import { afterEach, beforeEach } from 'vitest';
import { applyContract } from './apply.contract.ts';
import { type KernelWorld, Stage } from './contract-stage.ts';
import { filterContract } from './filter.contract.ts';
import { observeContract } from './observe.contract.ts';
import { permitContract } from './permit.contract.ts';
import { watchContract } from './watch.contract.ts';

/** What every `Kernel` must do, told by building a network on a host and looking at it. */
export function kernelContract(createWorld: () => Promise<KernelWorld>): void {
  let stage: Stage;
  beforeEach(async () => {
    stage = new Stage(await createWorld());
  });
  afterEach(() => stage.world.close());

  observeContract(() => stage);
  applyContract(() => stage);
  filterContract(() => stage);
  permitContract(() => stage);
  watchContract(() => stage);
}
