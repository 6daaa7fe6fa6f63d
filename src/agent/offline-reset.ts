import type { Kernel } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import type { OpResult } from '#model/kernel-op.ts';
import { emptyKernelState } from '#model/kernel-state.ts';
import { hostTag } from '#model/own.ts';
import { diff } from '#plan/diff.ts';
import { order, type RankedOp } from '#plan/order.ts';

/** What would have to go from the kernel for nothing of this host's Weft to be left. */
export async function planRemoval(kernel: Kernel, host: Id): Promise<RankedOp[]> {
  const context = { hostTag: hostTag(host) };
  const observed = await kernel.observe({ ...context, containers: [] });
  return order(diff(emptyKernelState(), observed, context));
}

/** Removes it, without an agent or a controller. Idempotent; gives what the kernel refused. */
export async function removeAll(kernel: Kernel, host: Id): Promise<OpResult[]> {
  const ops = (await planRemoval(kernel, host)).map(({ op }) => op);
  const results = await kernel.apply(ops, { hostTag: hostTag(host), containers: [] });
  return results.filter(({ ok }) => !ok);
}
