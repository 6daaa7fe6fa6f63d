import { constants } from 'node:os';
import { addressAt, type Cidr, cidrSize } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import { type Conversation, openConversation } from '#netlink/conversation.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { decodeRoute, encodeGetRoute, type Route, RTN } from '#netlink/route/route.ts';
import { destinationOf, dumpMainRoutes } from './route.ts';

/** `ip route get 192.0.2.1`; undefined without a route. */
export function routeTowards(conversation: Conversation, towards: Ip): Route | undefined {
  try {
    return decodeRoute(conversation.ask(encodeGetRoute(towards)));
  } catch (error) {
    if (error instanceof NetlinkError && NO_WAY.has(error.errno)) return undefined;
    throw error;
  }
}

/**
 * No route; an `unreachable`, a `prohibit` or a `blackhole` one (fib_props in net/ipv4/fib_semantics.c); nobody to ask, as
 * for IPv6 where the kernel is without it (`ipv6.disable=1`).
 */
const { ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, EOPNOTSUPP } = constants.errno;
const NO_WAY: ReadonlySet<number> = new Set([ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, EOPNOTSUPP]);

/**
 * Whether a subnet is routed to that device. A router has too many routes to read them all for it: that is done only where
 * its last address leads elsewhere, which by other rules than the main table's it can.
 */
export function isRoutedBy(conversation: Conversation, index: number, subnet: Cidr): boolean {
  // Each link has its own, and where one leads is asked of none.
  if (subnet === 'fe80::/64') return true;
  const last = addressAt(subnet, cidrSize(subnet) - 1n);
  const first = addressAt(subnet, 0n);
  if ([last, first].some((ip) => routeTowards(conversation, ip)?.oif === index)) return true;
  return dumpMainRoutes(conversation).some((row) => row.oif === index && destinationOf(row) === subnet);
}

/** Whether this host takes packets for it: what our rules ask as `fib daddr type local`. */
export function isLocalAddress(ip: Ip): boolean {
  const conversation = openConversation();
  try {
    return routeTowards(conversation, ip)?.type === RTN.LOCAL;
  } finally {
    conversation.close();
  }
}
