import { closeSync, openSync } from 'node:fs';
import { overlayNamespaces } from '#kernel/observe.ts';
import type { Id } from '#model/id.ts';
import { hostTag } from '#model/own.ts';
import { subscribe } from '#netlink/events.ts';
import { type Message, RTM } from '#netlink/message.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeNeighbour, NUD } from '#netlink/route/neighbour.ts';

/** The one overlay namespace of a host. */
export const overlayOf = (host: string): string =>
  overlayNamespaces({ hostTag: hostTag(host as Id), containers: [] })[0]!;

/** Changes in a namespace, as its kernel tells them. */
export function countChanges(namespace: string): { count(): number; close(): void } {
  const netnsFd = openSync(namedNamespacePath(namespace), 'r');
  let count = 0;
  const groups = ['LINK', 'NEIGH', 'IPV4_IFADDR', 'IPV6_IFADDR', 'IPV4_ROUTE', 'IPV6_ROUTE'] as const;
  const subscription = subscribe({ groups, netnsFd }, (event) => {
    if (event.kind === 'overrun') count = Number.POSITIVE_INFINITY;
    else if (!isKernelsOwn(event.message)) count++;
  });
  closeSync(netnsFd);
  return { count: () => count, close: () => subscription.close() };
}

/** Misses are asked, not told; and what a device needed to tell its multicast groups, the kernel forgets a minute later. */
const isKernelsOwn = (message: Message): boolean => {
  if (message.type !== RTM.NEWNEIGH && message.type !== RTM.DELNEIGH) return message.type === RTM.GETNEIGH;
  const { family, state } = decodeNeighbour(message);
  return family !== AF_BRIDGE && state === NUD.NOARP;
};
