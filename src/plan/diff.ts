import type { KernelOp } from '#model/kernel-op.ts';
import type { KernelObject, KernelObjectOf, KernelState } from '#model/kernel-state.ts';
import type { RowTable } from '#model/row-table.ts';
import { type Fate, foresee } from './fate.ts';
import type { PlanContext, Sight } from './kind.ts';
import { rulesOf } from './kinds.ts';

/**
 * The writes that lead from what is to what is wished; none when they agree. Never one against an object that is not
 * ours. What goes with a deleted object gets no op of its own, and counts as missing if it is wished. In no
 * particular order: see order.ts.
 */
export function diff(desired: KernelState, observed: KernelState, context: PlanContext): KernelOp[] {
  const sight: Sight = { ...context, desired, observed };
  const fate = foresee(sight);
  const ops: KernelOp[] = [];
  for (const kind of SMALL_KINDS) {
    const known = addWishes(ops, kind, sight, fate);
    if (kind === 'link') addDeletedLinks(ops, sight, fate);
    else if (known < observed[kind].size) addSurplus(ops, kind, sight, fate);
  }
  for (const kind of ROW_KINDS) addRows(ops, kind, sight, fate);
  return ops;
}

const SMALL_KINDS = [
  ...(['namespace', 'link', 'set', 'element', 'chain', 'permit'] as const),
  ...(['setting', 'address', 'route'] as const),
] as const;
type SmallKind = (typeof SMALL_KINDS)[number];
const ROW_KINDS = ['neighbour', 'fdb'] as const;
/** From so many of a device on they are one op: there can be a hundred thousand. */
const MANY_ROWS = 64;

/** What is missing or different. Gives how many of the wished are there in some form. */
function addWishes(ops: KernelOp[], kind: SmallKind, { desired, observed }: Sight, fate: Fate): number {
  const rules = rulesOf(kind);
  let known = 0;
  for (const [key, object] of desired[kind] as ReadonlyMap<string, KernelObject>) {
    const seen: KernelObject | undefined = observed[kind].get(key);
    if (seen) known++;
    if (!fate.isPossible(object)) continue;
    if (!seen || !fate.survives(seen)) {
      ops.push({ verb: 'add', object });
      continue;
    }
    let was = seen.kind === 'link' ? fate.afterwards(seen) : seen;
    if (was.kind === 'link' && fate.isLowered(was)) {
      const down = { ...was, up: false };
      ops.push({ verb: 'change', object: down, was });
      was = down;
    }
    if (!rules.equal(object, was)) ops.push({ verb: 'change', object, was });
  }
  return known;
}

/** Links that are too many, or make room for their own successors. */
function addDeletedLinks(ops: KernelOp[], { observed }: Sight, fate: Fate): void {
  for (const key of fate.deleted) ops.push({ verb: 'delete', object: observed.link.get(key)! });
}

/** Of the other kinds what nobody wished. */
function addSurplus(ops: KernelOp[], kind: SmallKind, sight: Sight, fate: Fate): void {
  const rules = rulesOf(kind);
  for (const [key, seen] of sight.observed[kind] as ReadonlyMap<string, KernelObject>)
    if (!sight.desired[kind].has(key) && fate.survives(seen) && rules.isDrift(seen, sight))
      ops.push({ verb: 'delete', object: seen });
}

/** The same for rows, of which the table compares a hundred thousand at once: packed rows are equal or they differ. */
function addRows(ops: KernelOp[], kind: 'neighbour' | 'fdb', sight: Sight, fate: Fate): void {
  const rules = rulesOf(kind);
  const wished: RowTable<Row> = sight.desired[kind];
  const observed: RowTable<Row> = sight.observed[kind];
  // What is missing comes first.
  const changes: KernelOp[] = [];
  const known = wished.compare(
    observed,
    fate.keepsRows,
    (rows) => {
      const object = rows.at(0);
      if (!fate.isPossible(object)) return;
      if (rows.length >= MANY_ROWS) ops.push({ verb: 'add', object, rows });
      else for (const row of rows) ops.push({ verb: 'add', object: row });
    },
    (object, was) => {
      if (fate.isPossible(object)) changes.push({ verb: 'change', object, was });
    },
  );
  for (const change of changes) ops.push(change);
  if (known === observed.size) return;
  for (const seen of observed.without(wished)) {
    if (!fate.keepsRows(seen) || !rules.isDrift(seen, sight)) continue;
    const allowed = sight.allowed?.(seen);
    if (!allowed) ops.push({ verb: 'delete', object: seen });
    else if (!rules.equal(allowed, seen)) ops.push({ verb: 'change', object: allowed, was: seen });
  }
}

type Row = KernelObjectOf<'neighbour' | 'fdb'>;
