import { BRIDGE_NAME } from '#model/own.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import type { PortFrames } from './kernel.ts';
import type { Visits } from './visit.ts';

/**
 * Tells containers. The bridge copies a frame to all ports in a quarter of the time that it takes to send it out of each.
 * What cannot be told is lost: who is not told asks, a while later.
 */
export function announce({ ns, ports, frames }: PortFrames, visits: Visits): void {
  try {
    visits.to(ns).frames.send(ports === 'all' ? [BRIDGE_NAME] : ports, frames);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
  }
}
