import type { KernelEvent } from '#kernel/kernel.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { type Fdb, type KernelObject, kernelKey, type Neighbour } from '#model/kernel-state.ts';
import { rulesOf } from '#plan/kinds.ts';
import type { AgentState } from './state.ts';

/*
 * Which rows stand that were written for somebody: what is asked of them again the kernel answers, and the agent need
 * not. To forget one costs an answer too many; so whatever may have taken a row along makes it forgotten.
 */

/** More than a busy host uses; then all are forgotten. */
const MOST_STANDING = 20_000;

/** Whether exactly this row is known to stand. */
export function isStanding({ misses }: AgentState, row: Fdb | Neighbour): boolean {
  const standing = misses.standing.get(keyOf(row));
  return standing !== undefined && rulesOf(row.kind).equal(row, standing);
}

/** These were carried out; a delete counts as soon as it is decided on. */
export function noteStanding({ misses: { standing } }: AgentState, ops: readonly KernelOp[]): void {
  if (standing.size + ops.length > MOST_STANDING) standing.clear();
  for (const { verb, object } of ops) {
    if (object.kind !== 'fdb' && object.kind !== 'neighbour') continue;
    if (verb === 'delete') standing.delete(keyOf(object));
    else standing.set(keyOf(object), object);
  }
}

/** Something has changed in the kernel; a device takes its rows along. */
export function forgetStanding(state: AgentState, changes: readonly KernelEvent[]): void {
  const { standing } = state.misses;
  if (standing.size === 0) return;
  if (changes.some(({ dirty }) => dirty === 'all')) standing.clear();
  for (const change of changes)
    if (change.dirty === 'row' && (change.gone || !isStanding(state, change.row)))
      standing.delete(keyOf(change.row));
  const stirred = new Set(changes.flatMap((change) => (change.dirty === 'namespace' ? [change.ns] : [])));
  if (stirred.size > 0) for (const [key, { ns }] of standing) if (stirred.has(ns)) standing.delete(key);
}

const keyOf = (row: KernelObject): string => `${row.kind} ${kernelKey(row)}`;
