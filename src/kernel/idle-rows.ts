import type { Fdb, NamespaceName } from '#model/kernel-state.ts';
import { isMulticastMac, ZERO_MAC } from '#model/mac.ts';
import { isTunnelName } from '#model/own.ts';
import { fdbTable } from '#model/row-table.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeDumpLinks } from '#netlink/route/link.ts';
import {
  decodeNeighbour,
  emptyNeighbourRow,
  encodeDumpNeighbours,
  readNeighbourRow,
} from '#netlink/route/neighbour.ts';
import { keepFdb } from './fdb.ts';
import { unlessAbsent, type Visits } from './visit.ts';

/** Ages of rows are told in 1/100 s (USER_HZ). */
const TICKS_PER_MS = 1 / 10;

/** See `Kernel.idleRows`. A namespace that is not there has none. */
export function idleRows(overlays: readonly NamespaceName[], idleMs: number, visits: Visits): Fdb[] {
  return overlays.flatMap((ns) => unlessAbsent(() => idleRowsOf(ns, idleMs, visits)) ?? []);
}

function idleRowsOf(ns: NamespaceName, idleMs: number, visits: Visits): Fdb[] {
  const { conversation } = visits.to(ns);
  const links = conversation.dump(encodeDumpLinks(), decodeLink);
  return links
    .filter(({ name = '' }) => isTunnelName(name))
    .flatMap(({ index, name = '' }) => {
      const idle = fdbTable();
      const row = emptyNeighbourRow();
      // The kernel notes each frame that finds its row, questions that it answers among them.
      conversation.dump(encodeDumpNeighbours(AF_BRIDGE, { ifindex: index }), (message) => {
        const used = decodeNeighbour(message).cache?.used ?? 0;
        if (used < idleMs * TICKS_PER_MS) return;
        readNeighbourRow(message, row);
        keepFdb(idle, ns, name, row);
      });
      return [...idle.values()].filter(
        ({ mac, table }) => table === 'self' && mac !== ZERO_MAC && !isMulticastMac(mac),
      );
    });
}
