import type { NamespaceName } from '#model/kernel-state.ts';
import type { Request } from '#netlink/message.ts';
import type { NetlinkError } from '#netlink/netlink-error.ts';
import type { PlainNeighbour } from '#netlink/route/neighbour.ts';
import type { Visit } from './visit.ts';

/**
 * Looks at a refusal after the fact: gives undefined when the kernel is as wished all the same (or was made so),
 * else the error to report.
 */
export type Recovery = (error: NetlinkError) => NetlinkError | undefined;

/** Where the files of the kinds put the messages of an op. */
export interface Outbox {
  /** Throws NetlinkError ENOENT when the namespace is not there. */
  visit(ns: NamespaceName): Visit;
  /** Ifindex of a device, those of earlier ops included. Throws NetlinkError ENODEV. */
  index(visit: Visit, dev: string): number;
  /** Messages go out in this order, whatever became of those before. */
  send(visit: Visit, request: Request, recovery?: Recovery): void;
  /** The same for a row, of which there are thousands. */
  sendRow(visit: Visit, row: PlainNeighbour, mode: 'replace' | 'append'): void;
  /** Waits until the kernel has what was sent: for what is no message and comes after. */
  flush(): void;
}
