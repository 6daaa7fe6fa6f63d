import { type Fdb, kernelKey } from '#model/kernel-state.ts';
import { ZERO_MAC } from '#model/mac.ts';
import type { KindRules, Sight } from './kind.ts';
import { isOnOurLink, linkKey } from './link.ts';
import { letsIn } from './vtep-filter.ts';

/*
 * Key: namespace, device, table and MAC; for the all-zero MAC the destination too, as it has one row per VTEP.
 * Equal: destination and state.
 * Ours: on a device of ours.
 * Before it: its device; for the bridge's table also that the device is a port.
 * Gone first: nothing. A moved MAC is replaced in place, a new VTEP is added before the old one goes.
 * If we die right here: frames to a MAC without a row go to every member (all-zero rows) or nowhere, never to a wrong
 *   one; a moved MAC's frames go where it was, and are dropped there.
 */
export const fdbRules: KindRules<Fdb> = {
  equal: (wanted, seen) => wanted.dst === seen.dst && wanted.state === seen.state,
  isOurs: ({ ns, dev }, sight) => isOnOurLink(ns, dev, sight),
  isDrift: (seen, sight) => !isKernels(seen, sight) && fdbRules.isOurs(seen, sight),
  step: ({ verb }, { table }) =>
    verb === 'delete' ? 'stale row' : table === 'self' ? 'tunnel rows' : 'port rows',
};

/** Rows that the kernel keeps by itself. */
function isKernels({ ns, dev, table, mac, dst, state }: Fdb, { desired, observed }: Sight): boolean {
  const link = observed.link.get(linkKey(ns, dev));
  const wished = desired.link.get(linkKey(ns, dev));
  if (table === 'master') {
    if (state === 'learned' && wished?.port?.learning) return true;
    // The bridge's and its ports' own MACs; another's would make the bridge swallow its frames.
    return state === 'permanent' && (link?.mac === undefined || link.mac === mac);
  }
  // Other devices' own table is only what their hardware listens to, such as 33:33:00:00:00:01.
  if (link && link.detail.type !== 'vxlan') return true;
  if (state !== 'learned' || wished?.detail.type !== 'vxlan' || !wished.detail.learning) return false;
  // Nothing is learned from who is no member: what leads there is of a VTEP that moved or left, and frames would go there
  // for as long as the kernel remembers (300 s). Of a group, the members are those that are let in.
  const toMember: Fdb = { kind: 'fdb', ns, dev, table, mac: ZERO_MAC, dst, state: 'permanent' };
  return wished.detail.remote ? letsIn(desired, wished.detail, dst) : desired.fdb.has(kernelKey(toMember));
}
