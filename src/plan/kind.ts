import type { KernelOp } from '#model/kernel-op.ts';
import type { Fdb, KernelObject, KernelState, Neighbour } from '#model/kernel-state.ts';
import type { Step } from './step.ts';

/** Whose plan it is. */
export interface PlanContext {
  readonly hostTag: string;
  /** What may be in the place of a row that nobody wishes; by default nothing. */
  readonly allowed?: (row: Fdb | Neighbour) => Fdb | Neighbour | undefined;
  /** Interfaces (`linkKey`) that others give addresses to as well: a surplus one is not drift. */
  readonly shared?: ReadonlySet<string>;
  /** Whether a VXLAN device that is up joins a group that it is given; by default it does. */
  readonly rejoinsGroups?: boolean;
}

/** All that a judgement about one observed object may look at. */
export interface Sight extends PlanContext {
  readonly desired: KernelState;
  readonly observed: KernelState;
}

/** What `plan/` knows of one kernel kind. The file of each kind begins with the six questions. */
export interface KindRules<O extends KernelObject> {
  /** Whether what is there is what is wished; only what the wish specifies counts. */
  equal(wanted: O, seen: O): boolean;
  /** Whether Weft made it, or it sits on something that Weft made. */
  isOurs(seen: O, sight: Sight): boolean;
  /** Whether it must go, though nothing of its key is wished: ours, and not the kernel's own doing. */
  isDrift(seen: O, sight: Sight): boolean;
  /** When its turn comes. */
  step(op: KernelOp, object: O): Step;
  /** Names and numbers that only one such object can hold at a time; a delete that frees one goes first. */
  holds?(object: O): readonly string[];
}

/** Whether every field that `wanted` specifies is the same in `seen`; nested values likewise. */
export function agrees(wanted: unknown, seen: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return wanted === undefined || wanted === seen;
  if (typeof seen !== 'object' || seen === null) return false;
  return Object.entries(wanted).every(([field, value]) =>
    agrees(value, (seen as Record<string, unknown>)[field]),
  );
}
