import type { Neighbour } from '#model/kernel-state.ts';
import { isOverlayNamespaceOf } from '#model/own.ts';
import type { KindRules } from './kind.ts';
import { isOnOurLink } from './link.ts';

/*
 * Key: namespace, device and IP.
 * Equal: MAC and state.
 * Ours: on a device of ours in an overlay namespace. What a container's own stack has found out is the container's.
 * Before it: its device; the FDB row of its MAC, because the answer is followed by a frame at once.
 * Gone first: nothing; a replace is atomic.
 * If we die right here: with `proxy` an ARP for the missing one is dropped, and the container asks again in a second.
 */
export const neighbourRules: KindRules<Neighbour> = {
  equal: (wanted, seen) => wanted.mac === seen.mac && wanted.state === seen.state,
  isOurs: ({ ns, dev }, sight) => isOverlayNamespaceOf(sight.hostTag, ns) && isOnOurLink(ns, dev, sight),
  // NOARP: the kernel's own for multicast, such as ff02::16 lladdr 33:33:00:00:00:16.
  isDrift: (seen, sight) => seen.state !== 'noarp' && neighbourRules.isOurs(seen, sight),
  step: ({ verb }) => (verb === 'delete' ? 'stale neighbour' : 'tunnel neighbours'),
};
