import type { Fdb, MutableKernelTables } from '#model/kernel-state.ts';
import { GATEWAY_DEVICES } from '#model/own.ts';
import type { RowTable } from '#model/row-table.ts';
import { AF_INET, AF_INET6 } from '#netlink/ip-text.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import {
  emptyNeighbourRow,
  encodeDumpNeighbours,
  type NeighbourRow,
  NUD,
  readNeighbourRow,
} from '#netlink/route/neighbour.ts';
import { isDefaultRow, keepFdb } from './fdb.ts';
import type { LinkNames } from './link.ts';
import { keepNeighbour } from './neighbour.ts';
import { RowSum } from './row-sum.ts';
import type { Visit } from './visit.ts';

/**
 * Reads the forwarding rows of a namespace and the neighbours of its VXLAN devices (`tunnels`), which can be a hundred
 * thousand: into `tables`, unless only their sum is asked for. `defaults` are the devices with the kernel's own all-zero
 * row, when the rows are read. Of one device alone with its index in `only`.
 */
export function readTables(
  visit: Visit,
  names: LinkNames,
  tunnels: readonly number[],
  tables?: Pick<MutableKernelTables, 'fdb' | 'neighbour'>,
  only?: number,
): { readonly sum: string; readonly defaults: ReadonlySet<string> } {
  const { ns } = visit;
  const sums = tunnels.flatMap((ifindex) =>
    [AF_INET, AF_INET6].map((family) =>
      readTable(visit, family, ifindex, tables?.neighbour, (row, neighbours) =>
        keepNeighbour(neighbours, ns, names.get(ifindex)!, row),
      ),
    ),
  );
  const defaults = new Set<string>();
  const sum = readTable(visit, AF_BRIDGE, only, tables?.fdb, (row, fdb) => {
    const dev = names.get(row.ifindex);
    if (dev === undefined) return;
    if (isDefaultRow(row)) defaults.add(dev);
    else keepFdb(fdb, ns, dev, row);
  });
  return { sum: [...sums, sum].join(), defaults };
}

/** What somebody has fixed where the gateway asks for its neighbours: what it found out itself is its own. */
export function readFixedNeighbours(
  visit: Visit,
  names: LinkNames,
  neighbours: MutableKernelTables['neighbour'],
): void {
  for (const [ifindex, name] of names) {
    if (!GATEWAY_DEVICES.has(name)) continue;
    for (const family of [AF_INET, AF_INET6])
      readTable(visit, family, ifindex, neighbours, (row) => {
        if (row.state === NUD.PERMANENT) keepNeighbour(neighbours, visit.ns, name, row);
      });
  }
}

const ROW = emptyNeighbourRow();

function readTable<T extends Pick<RowTable<Fdb>, 'size' | 'truncate'>>(
  { conversation }: Visit,
  family: number,
  ifindex: number | undefined,
  table: T | undefined,
  keep: (row: NeighbourRow, table: T) => void,
): string {
  const before = table?.size ?? 0;
  let sum = new RowSum(family);
  conversation.dump(
    encodeDumpNeighbours(family, { ifindex }),
    (message) => {
      sum.add(message);
      if (!table) return;
      readNeighbourRow(message, ROW);
      keep(ROW, table);
    },
    () => {
      sum = new RowSum(family);
      table?.truncate(before);
    },
  );
  return String(sum);
}
