import type { KernelOp } from '#model/kernel-op.ts';
import { type KernelObject, kernelKey } from '#model/kernel-state.ts';
import { rulesOf } from './kinds.ts';
import { rankOf, reasonOf, STEP_COUNT, type Step } from './step.ts';

/** An op with its place in the list, 0 first, and why it comes there. */
export interface RankedOp {
  readonly op: KernelOp;
  readonly rank: number;
  readonly reason: string;
}

/**
 * Arranges ops by step (step.ts), within a step by key, so that the same ops give the same list however they came. Rows
 * of tables stay as they came: none depends on another, and there can be a hundred thousand.
 */
export function order(ops: readonly KernelOp[]): RankedOp[] {
  const needed = heldByNew(ops);
  const bySteps = Array.from({ length: STEP_COUNT }, () => [] as RankedOp[]);
  for (const op of ops) {
    const step = stepOf(op, needed);
    const rank = rankOf(step);
    bySteps[rank]!.push({ op, rank, reason: reasonOf(step) });
  }
  return bySteps.flatMap((ranked) => (ranked.every(isRow) ? ranked : sortByKey(ranked)));
}

const isRow = ({ op }: RankedOp): boolean => op.object.kind === 'fdb' || op.object.kind === 'neighbour';

const sortByKey = (all: readonly RankedOp[]): RankedOp[] =>
  all
    .map((ranked) => ({ ranked, key: kernelKey(ranked.op.object) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ ranked }) => ranked);

/** Names and numbers that the objects to be made will hold. */
function heldByNew(ops: readonly KernelOp[]): Set<string> {
  const held = new Set<string>();
  for (const { verb, object } of ops) if (verb === 'add') for (const name of heldBy(object)) held.add(name);
  return held;
}

function stepOf(op: KernelOp, needed: ReadonlySet<string>): Step {
  if (op.verb === 'delete' && heldBy(op.object).some((name) => needed.has(name))) return 'make room';
  return rulesOf(op.object.kind).step(op, op.object);
}

const heldBy = (object: KernelObject): readonly string[] => rulesOf(object.kind).holds?.(object) ?? [];
