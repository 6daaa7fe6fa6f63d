import { constants } from 'node:os';
import type { Ip } from '#model/ip.ts';
import { type Conversation, openConversation } from '#netlink/conversation.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { decodeRoute, encodeGetRoute, type Route, RTN } from '#netlink/route/route.ts';

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

/** Whether this host takes packets for it: what our rules ask as `fib daddr type local`. */
export function isLocalAddress(ip: Ip): boolean {
  const conversation = openConversation();
  try {
    return routeTowards(conversation, ip)?.type === RTN.LOCAL;
  } finally {
    conversation.close();
  }
}
