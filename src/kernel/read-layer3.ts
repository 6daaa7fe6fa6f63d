import type { Cidr } from '#model/cidr.ts';
import type { Address, Route } from '#model/kernel-state.ts';
import { PROTOCOL } from '#model/own.ts';
import { decodeAddress, encodeDumpAddresses } from '#netlink/route/address.ts';
import { addressFrom } from './address.ts';
import type { LinkNames, LinkRows } from './link.ts';
import { destinationOf, dumpMainRoutes, isForAllPackets, isKernelsRoute, routeFrom } from './route.ts';
import type { Visit } from './visit.ts';

/** Addresses and routes of the named devices. */
export function readLayer3(
  { ns, conversation }: Visit,
  names: LinkNames,
  rows: LinkRows,
): (Address | Route)[] {
  const routes = dumpMainRoutes(conversation).filter(isForAllPackets);
  const isRouted = routedBy(routes, rows);
  const addresses = conversation.dump(encodeDumpAddresses(), decodeAddress).flatMap((row) => {
    const dev = names.get(row.ifindex);
    return dev === undefined ? [] : addressFrom(ns, dev, row, (subnet) => isRouted(row.ifindex, subnet));
  });
  // Of those with one destination and metric the last one is kept: ours, which no `replace` puts in another's place.
  const ownLast = routes.toSorted((a, b) => Number(isMine(a)) - Number(isMine(b)));
  const own = ownLast.flatMap((row) => {
    const dev = names.get(row.oif ?? 0);
    return dev && !isKernelsRoute(row) ? routeFrom(ns, dev, row) : [];
  });
  return [...addresses, ...own];
}

const isMine = ({ protocol }: { readonly protocol: number }): boolean => protocol === PROTOCOL;

/**
 * Whether there is a route to an address's subnet by its device; one that is down has none. The kernel's, or what somebody
 * has put in its place: that stays, and would be mended at every look, each time anew.
 */
function routedBy(
  routes: ReturnType<typeof dumpMainRoutes>,
  rows: LinkRows,
): (index: number, subnet: Cidr) => boolean {
  const subnets = new Set(routes.map((row) => `${row.oif} ${destinationOf(row)}`));
  return (index, subnet) => !rows.get(index)!.up || subnets.has(`${index} ${subnet}`);
}
