import type { Kernel } from '#kernel/kernel.ts';
import type { OpResult } from '#model/kernel-op.ts';
import { emptyKernelState } from '#model/kernel-state.ts';
import { diff } from '#plan/diff.ts';
import { order, type RankedOp } from '#plan/order.ts';

/** What would have to go from the kernel for nothing of the Weft of the host with that tag to be left. */
export async function planRemoval(kernel: Kernel, hostTag: string): Promise<RankedOp[]> {
  const observed = await kernel.observe({ hostTag, containers: [] });
  return order(diff(emptyKernelState(), observed, { hostTag }));
}

/** Removes it, without an agent or a controller. Idempotent; gives what the kernel refused. */
export async function removeAll(kernel: Kernel, hostTag: string): Promise<OpResult[]> {
  const ops = (await planRemoval(kernel, hostTag)).map(({ op }) => op);
  const results = await kernel.apply(ops, { hostTag, containers: [] });
  return results.filter(({ ok }) => !ok);
}
