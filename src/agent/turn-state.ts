import type { KernelEvent, Scope } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import type { OpResult } from '#model/kernel-op.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import type { Revision } from '#model/records.ts';
import type { RankedOp } from '#plan/order.ts';
import type { Concern } from './concern.ts';

/** The reconcile turn: one at a time, always from the latest view and a fresh look. */
export interface Turn {
  phase: 'idle' | 'observing' | 'applying';
  /** Of the turn under way, or the last one: `glance` leaves out the rows of tables. */
  reach: 'look' | 'glance';
  /** What asks for a look, and what the turn under way, or the last one, takes in; `urgent` when somebody waits. */
  dirty?: Concern;
  concern: Concern;
  urgent: boolean;
  /** A look failed, and none has ended since: what it was for may not be in the kernel. */
  owesLook: boolean;
  /** Why the kernel was not seen; looks failed again and again. */
  unseen?: string;
  /** What a glance will find. */
  stirred?: Concern;
  /** Rows that changed while a look was under way. */
  heard: KernelEvent[];
  /** Since when something asks for a turn. */
  askedMs: number;
  /** Without urgency, turns keep a distance that grows with what they cost. */
  nextLookMs: number;
  nextGlanceMs: number;
  /** When to glance though nothing is known to have happened, and when to sum up rows with it. */
  idleGlanceMs: number;
  sweepMs: number;
  /** For when the next wake was asked. */
  wakeAtMs: number;
  /** Of all rows when a look found them as wished; unknown after one that did not. */
  rowSums?: ReadonlyMap<NamespaceName, string>;
  /** Networks that the last turn left as wished, and those of the turn under way. */
  complete: ReadonlySet<Id>;
  looking: ReadonlySet<Id>;
  /** The view's revision that the present turn works towards. */
  revision: Revision;
  /** The view's revision that the kernel was brought to last. */
  applied: Revision;
  /** Ops under way. */
  ops: readonly RankedOp[];
  /** Promised endpoints that the plan of the present turn, or of the last one, knew of (`promiseKey`). */
  planned: ReadonlySet<string>;
  /** What the last turn could not do. */
  failing: readonly OpResult[];
  failures: number;
  /** When to try again what failed; 0 is never. */
  retryAtMs: number;
  lastLookMs: number;
  /** What the last look took in, and which of its container namespaces were there (`namespaceKey`). */
  scope?: Scope;
  live: ReadonlySet<string>;
  /** Namespaces that were looked for and not found: if another is at the same path, it is not this one. */
  readonly dead: Set<string>;
}

export const createTurn = (): Turn => ({
  phase: 'idle',
  reach: 'look',
  dirty: 'all',
  concern: 'all',
  urgent: true,
  owesLook: false,
  heard: [],
  askedMs: 0,
  nextLookMs: 0,
  nextGlanceMs: 0,
  idleGlanceMs: 0,
  sweepMs: 0,
  wakeAtMs: 0,
  complete: new Set(),
  looking: new Set(),
  revision: 0,
  applied: 0,
  ops: [],
  planned: new Set(),
  failing: [],
  failures: 0,
  retryAtMs: 0,
  lastLookMs: 0,
  live: new Set(),
  dead: new Set(),
});
