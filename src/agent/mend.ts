import type { KernelEvent } from '#kernel/kernel.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { kernelKey, type NamespaceName } from '#model/kernel-state.ts';
import type { Network } from '#model/records.ts';
import { mendRow, type RowGround } from '#plan/mend-row.ts';
import { aboutChange } from './concern.ts';
import type { AgentEffect } from './event.ts';
import { placeOf } from './place-of.ts';
import { isPlugged, scopeOf } from './scope.ts';
import type { AgentState } from './state.ts';
import { isLooking, markDirty, markStirred } from './turn.ts';

/** More rows than this are read faster than they are judged one by one. */
const MANY_ROWS = 500;

/**
 * Something has changed in the kernel. Of a row the event tells all: one that is not as wished is put right at once,
 * however long the table is. Of what the agent writes itself, the echo is as wished, and nothing follows.
 */
export function hearKernel(state: AgentState, changes: readonly KernelEvent[]): AgentEffect[] {
  const rows = new Map(
    changes.flatMap((change) => (change.dirty === 'row' ? [[kernelKey(change.row), change]] : [])),
  );
  if (changes.some(({ dirty }) => dirty === 'all') || rows.size > MANY_ROWS) return markDirty(state);
  // The end of one row may be told twice.
  for (const change of changed(changes)) markStirred(state, aboutChange(state, change));
  // What a look makes of it is known when it has ended.
  if (isLooking(state.turn)) return keepForLater(state, [...rows.values()]);
  const grounds = new Map<NamespaceName, RowGround | undefined>();
  const ops: KernelOp[] = [];
  const mended = new Set<NamespaceName>();
  for (const { row, gone } of rows.values()) {
    if (!grounds.has(row.ns)) grounds.set(row.ns, groundOf(state, row.ns));
    const ground = grounds.get(row.ns);
    const op = ground ? mendRow(ground, row, gone) : gone ? undefined : 'look';
    if (!op) continue;
    if (!ground) markDirty(state);
    else if (op === 'look' || !mayMend(state, ground.network, op)) markDirty(state, new Set([row.ns]));
    else {
      ops.push(op);
      mended.add(row.ns);
    }
  }
  if (ops.length === 0) return [];
  return [{ effect: 'shortcut', ops, scope: scopeOf(state), purpose: { mended } }];
}

/** Of namespaces, each once: one write of ours has many echoes. */
const changed = (changes: readonly KernelEvent[]) =>
  new Map(
    changes.flatMap((change) =>
      change.dirty === 'namespace' ? [[`${change.ns} ${JSON.stringify(change.about)}`, change] as const] : [],
    ),
  ).values();

function keepForLater(state: AgentState, rows: readonly KernelEvent[]): AgentEffect[] {
  const { turn } = state;
  turn.heard.push(...rows);
  if (turn.heard.length <= MANY_ROWS) return [];
  turn.heard = [];
  return markDirty(state);
}

/** A look has ended: now what was heard meanwhile can be judged. */
export function hearAgain(state: AgentState): AgentEffect[] {
  const { turn } = state;
  if (turn.heard.length === 0 || isLooking(turn)) return [];
  return hearKernel(state, turn.heard.splice(0));
}

/** Only where all is in place, and nothing is deleted that an old view may not know of yet. */
const mayMend = (state: AgentState, { id }: Network, { verb }: KernelOp): boolean =>
  state.turn.complete.has(id) && (verb !== 'delete' || state.confirmed);

function groundOf(state: AgentState, ns: NamespaceName): RowGround | undefined {
  const place = placeOf(state, ns);
  return place && { ...place, isPlugged: (id) => isPlugged(state, id) };
}
