import type { Element } from '#model/filter.ts';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import type { KindRules } from './kind.ts';
import { linkKey } from './link.ts';

/*
 * Key: namespace, set and its own key. In a set that counts rules put elements themselves, by the device a packet
 * came from: such a one goes when a device of ours does; the host's own are others'.
 * Equal: the same value, of those that have one.
 * Ours: all in the table `weft`.
 * Before it: its set.
 * Gone first: the device or the rows that it lets through; in its place, nothing.
 * If we die right here: it lets through whom nobody has plugged in yet, or nobody any more; only from its own device.
 */
export const elementRules: KindRules<Element> = {
  equal: (wanted, seen) => String(wanted.value) === String(seen.value),
  isOurs: () => true,
  isDrift: ({ ns, set, key }, { desired }) =>
    set.countsUpTo === undefined || (ns !== HOST_NAMESPACE && !desired.link.has(linkKey(ns, String(key[0])))),
  step: ({ verb }) => (verb === 'delete' ? 'stale element' : 'element'),
};
