import { readFileSync } from 'node:fs';
import { type Cidr, cidrContains, cidrFamily, ipOf, prefixLengthOf } from '#model/cidr.ts';
import { FAMILY_BITS } from '#model/ip.ts';
import { LINK_GROUP, PROTOCOL } from '#model/own.ts';
import type { HostFacts } from '#model/records.ts';
import { openConversation } from '#netlink/conversation.ts';
import { decodeLink, encodeDumpLinks } from '#netlink/route/link.ts';
import { destinationOf, dumpMainRoutes } from './route.ts';
import { takenUdpPorts } from './taken-ports.ts';
import type { Underlay } from './underlay.ts';

/** What admission must know of this host, read now. */
export const readHostFacts = async ({ mtu, addresses, interface: name }: Underlay): Promise<HostFacts> => ({
  underlayMtu: mtu,
  takenPorts: await takenUdpPorts(),
  routes: hostRoutes(),
  underlayInterfaces: addresses.map(() => name),
});

/** Changes with each start of the machine: what was attached before is gone. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Of no one's: in every namespace, or no destination of its own. */
const COMMON = ['127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'] as Cidr[];

/** From 0, that of a default route, to 1, that of a single address. */
const narrowness = (cidr: Cidr): number => prefixLengthOf(cidr) / FAMILY_BITS[cidrFamily(cidr)];

const isWithin = (cidr: Cidr, outer: Cidr): boolean =>
  prefixLengthOf(cidr) >= prefixLengthOf(outer) && cidrContains(outer, ipOf(cidr));

/** A router of the internet has a million, none of them where private networks are; they must fit into one request. */
const MOST_ROUTES = 10_000;

/**
 * The destinations that this host routes itself, default routes and Weft's own aside; in the kernel's order. Of more than
 * {@link MOST_ROUTES} the widest.
 */
export function hostRoutes(): Cidr[] {
  const conversation = openConversation();
  try {
    const links = conversation.dump(encodeDumpLinks(), decodeLink);
    const own = new Set(links.filter(({ group }) => group === LINK_GROUP).map(({ index }) => index));
    const routes = dumpMainRoutes(conversation).filter(
      ({ dstLength, protocol, oif }) => dstLength > 0 && protocol !== PROTOCOL && !own.has(oif ?? 0),
    );
    const destinations = [...new Set(routes.map(destinationOf))];
    const all = destinations.filter((cidr) => !COMMON.some((common) => isWithin(cidr, common)));
    if (all.length <= MOST_ROUTES) return all;
    return all.sort((a, b) => narrowness(a) - narrowness(b)).slice(0, MOST_ROUTES);
  } finally {
    conversation.close();
  }
}
