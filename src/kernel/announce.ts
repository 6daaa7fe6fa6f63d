import { NetlinkError } from '#netlink/netlink-error.ts';
import type { PortFrames } from './kernel.ts';
import type { Visits } from './visit.ts';

/**
 * Tells containers, out of each port: what the bridge itself sent would go into the tunnel, too. What cannot be told is
 * lost: who is not told asks, a while later.
 */
export function announce({ ns, ports, frames }: PortFrames, visits: Visits): void {
  try {
    visits.to(ns).frames.send(ports, frames);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
  }
}
