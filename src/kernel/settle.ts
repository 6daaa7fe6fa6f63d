import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { ipOf } from '#model/cidr.ts';
import { familyOf } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { Address, Link } from '#model/kernel-state.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { encodeGetLink } from '#netlink/route/link.ts';
import { decodeRoute, encodeGetRoute, RTN } from '#netlink/route/route.ts';
import type { Visits } from './visit.ts';

/** The kernel's threads take microseconds, unless the machine is busy. */
const PAUSE_MS = 1;
const MOST_PAUSES = 50;

/*
 * Some of what the kernel acknowledges is done by threads of its own, later: a veth carries no frames before the link
 * watch has seen it (net/core/link_watch.c), and an IPv6 address is nobody's before its work has run, even without
 * duplicate address detection (addrconf_dad_work in net/ipv6/addrconf.c). The first answer to a container that asks
 * at once would be lost, and it would ask again in a second.
 */

/** Who asks for a link makes the link watch see it first (rtnl_getlink in net/core/rtnetlink.c). */
export function catchUp({ verb, object }: KernelOp, visits: Visits): void {
  if (verb === 'add' && isVeth(object))
    quietly(() => visits.to(object.ns).conversation.ask(encodeGetLink({ name: object.name })));
}

/** Whether packets for what was added are not taken in yet. */
export function isLate({ verb, object }: KernelOp, visits: Visits): boolean {
  if (verb !== 'add' || !isIpv6Address(object)) return false;
  const { ns, address } = object;
  const route = quietly(() => visits.to(ns).conversation.ask(encodeGetRoute(ipOf(address))));
  return !route || decodeRoute(route).type !== RTN.LOCAL;
}

/** Comes back when none is late any more, or soon all the same. */
export async function untilInTime(late: readonly KernelOp[], visits: Visits): Promise<void> {
  let waiting = late;
  for (let pause = 0; waiting.length > 0 && pause < MOST_PAUSES; pause++) {
    // Mostly it is done by the time that whatever else is due here has been.
    await (pause === 0 ? nextTurn() : sleep(PAUSE_MS));
    waiting = waiting.filter((op) => isLate(op, visits));
  }
}

const isVeth = (object: KernelOp['object']): object is Link =>
  object.kind === 'link' && (object.detail.type === 'veth' || object.detail.type === 'veth-peer');

const isIpv6Address = (object: KernelOp['object']): object is Address =>
  object.kind === 'address' && familyOf(ipOf(object.address)) === 6;

function quietly<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetlinkError) return undefined;
    throw error;
  }
}
