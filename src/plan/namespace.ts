import type { Namespace } from '#model/kernel-state.ts';
import { isOverlayNamespaceOf } from '#model/own.ts';
import type { KindRules } from './kind.ts';

/*
 * Key: its name under /run/netns.
 * Equal: when the name is, and there is a namespace behind it.
 * Ours: the name begins with `weft-<hostTag>-`; the file is made with O_EXCL, so the name is never a stranger's.
 * Before it: nothing.
 * Gone first: the VXLAN device inside (its UDP socket is in the host's namespace, and the end of a namespace is
 *   asynchronous: the VNI would stay taken for a while).
 * If we die right here: an empty namespace or a hollow name, no frame in it; the next turn fills it, or deletes it.
 */
export const namespaceRules: KindRules<Namespace> = {
  equal: (_, { hollow }) => !hollow,
  isOurs: ({ ns }, { hostTag }) => isOverlayNamespaceOf(hostTag, ns),
  isDrift: (seen, sight) => namespaceRules.isOurs(seen, sight),
  step: ({ verb }) => (verb === 'delete' ? 'stale namespace' : 'namespace'),
};
