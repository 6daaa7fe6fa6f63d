import type { Bridges } from './bridges.ts';
import type { ControllerProcess } from './controller-process.ts';
import type { Cores } from './cores.ts';
import type { Ledger } from './ledger.ts';
import type { Machine } from './machine.ts';
import type { Phases } from './phases.ts';
import type { Random } from './random.ts';
import type { StoreModel } from './store-model.ts';
import type { Timeline } from './timeline.ts';

/** Everything of one run, as its parts see each other. */
export interface World {
  readonly cores: Cores;
  readonly timeline: Timeline;
  /** Chance of the wires, disks and kernels: how long things take and how far they get. */
  readonly random: Random;
  readonly store: StoreModel;
  /** The controller that agents speak to. */
  readonly controller: ControllerProcess;
  /** Another one on the same store, which some operators speak to: commits race. */
  readonly rival: ControllerProcess;
  readonly machines: readonly Machine[];
  readonly ledger: Ledger;
  readonly phases: Phases;
  readonly bridges: Bridges;
  /** From then on nothing is broken any more. */
  readonly calmAtMs: number;
  /** A line of the run, for people. */
  note(who: string, what: () => string): void;
  /** That something happened, so that a fault which never strikes is seen. */
  count(what: string): void;
}
