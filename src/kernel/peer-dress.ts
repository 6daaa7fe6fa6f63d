import type { KernelOp } from '#model/kernel-op.ts';
import { kernelKey, type Link } from '#model/kernel-state.ts';

/**
 * How the container's end of each pair is to look, from the veth-peer ops of the same list: the kernel makes both
 * ends in one message, so the far end can be born with its MAC, MTU and mark. Keyed as the link is.
 */
export function peerDresses(ops: readonly KernelOp[]): ReadonlyMap<string, Link> {
  const dresses = new Map<string, Link>();
  for (const { verb, object } of ops)
    if (verb !== 'delete' && object.kind === 'link' && object.detail.type === 'veth-peer')
      dresses.set(kernelKey(object), object);
  return dresses;
}
