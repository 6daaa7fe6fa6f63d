import type { Route } from '#model/kernel-state.ts';
import { isOverlayNamespaceOf, PROTOCOL } from '#model/own.ts';
import { agrees, type KindRules } from './kind.ts';
import { isOnOurLink } from './link.ts';

/** RTPROT_KERNEL (linux/rtnetlink.h): follows from an address or from the device being up. */
const KERNEL_PROTOCOL = 2;

/*
 * Key: namespace, destination and metric.
 * Equal: way, device and protocol, where wished.
 * Ours: protocol 119; in an overlay namespace every route on a device of ours.
 * Before it: its device, up, and the address that its gateway is reached from.
 * Gone first: nothing; a replace is atomic.
 * If we die right here: packets take the old way, or none.
 */
export const routeRules: KindRules<Route> = {
  equal: agrees,
  isOurs: ({ ns, dev, protocol }, sight) =>
    protocol === PROTOCOL || (isOverlayNamespaceOf(sight.hostTag, ns) && isOnOurLink(ns, dev, sight)),
  // The subnet's, link-local and multicast routes come and go with addresses and devices.
  isDrift: (seen, sight) => seen.protocol !== KERNEL_PROTOCOL && routeRules.isOurs(seen, sight),
  step: ({ verb }) => (verb === 'delete' ? 'stale route' : 'route'),
};
