import { ipOf } from '#model/cidr.ts';
import type { Address } from '#model/kernel-state.ts';
import { BRIDGE_NAME } from '#model/own.ts';
import { agrees, type KindRules } from './kind.ts';
import { isOnOurLink, linkKey } from './link.ts';

/*
 * Key: namespace, device and address with prefix length.
 * Equal: key, NODAD where wished, that it stays, and that the subnet is still routed to its device.
 * Ours: on a device of ours. On one that its runtime dresses too there may be more.
 * Before it: its device, up (the kernel makes the subnet's route then).
 * Gone first: the same address with another prefix length (IPv6: EEXIST).
 * If we die right here: the container is reachable at the addresses it has so far.
 */
export const addressRules: KindRules<Address> = {
  equal: (wanted, seen) => agrees(wanted, seen) && !seen.unrouted && !seen.expires,
  isOurs: ({ ns, dev }, sight) => isOnOurLink(ns, dev, sight),
  isDrift: (seen, sight) =>
    addressRules.isOurs(seen, sight) && !sight.shared?.has(linkKey(seen.ns, seen.dev)),
  step: ({ verb }, { dev }) =>
    verb === 'delete' ? 'stale address' : dev === BRIDGE_NAME ? 'gateway' : 'address',
  holds: ({ ns, dev, address }) => [`${ns} ${dev} ${ipOf(address)}`],
};
