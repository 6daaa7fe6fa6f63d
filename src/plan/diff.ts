import type { KernelOp } from '#model/kernel-op.ts';
import { KERNEL_KINDS, type KernelKind, type KernelObject, type KernelState } from '#model/kernel-state.ts';
import { type Fate, foresee } from './fate.ts';
import type { PlanContext, Sight } from './kind.ts';
import { rulesOf } from './kinds.ts';

/**
 * The writes that lead from what is to what is wished; none when they agree. Never one against an object that is not
 * ours. What goes with a deleted object gets no op of its own, and counts as missing if it is wished. In no
 * particular order: see order.ts.
 */
export function diff(desired: KernelState, observed: KernelState, { hostTag }: PlanContext): KernelOp[] {
  const sight: Sight = { hostTag, desired, observed };
  const fate = foresee(sight);
  return KERNEL_KINDS.flatMap((kind) => [...wishes(kind, sight, fate), ...surplus(kind, sight, fate)]);
}

/** What is missing or different. */
function* wishes(kind: KernelKind, { desired, observed }: Sight, fate: Fate): Generator<KernelOp> {
  const rules = rulesOf(kind);
  for (const [key, object] of desired[kind] as ReadonlyMap<string, KernelObject>) {
    const seen: KernelObject | undefined = observed[kind].get(key);
    if (!fate.isPossible(object)) continue;
    if (!seen || !fate.survives(seen)) {
      yield { verb: 'add', object };
      continue;
    }
    const was = seen.kind === 'link' ? fate.afterwards(seen) : seen;
    if (!rules.equal(object, was)) yield { verb: 'change', object, was };
  }
}

/** What is too many, or has to make room for its own successor. */
function* surplus(kind: KernelKind, sight: Sight, fate: Fate): Generator<KernelOp> {
  const rules = rulesOf(kind);
  for (const [key, seen] of sight.observed[kind] as ReadonlyMap<string, KernelObject>) {
    const goes =
      kind === 'link'
        ? fate.deleted.has(key)
        : !sight.desired[kind].has(key) && fate.survives(seen) && rules.isDrift(seen, sight);
    if (goes) yield { verb: 'delete', object: seen };
  }
}
