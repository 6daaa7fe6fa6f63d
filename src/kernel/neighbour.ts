import type { KernelOp } from '#model/kernel-op.ts';
import type { NamespaceName, Neighbour, NeighbourState } from '#model/kernel-state.ts';
import { PROTOCOL } from '#model/own.ts';
import { NEIGHBOUR_STATES } from '#model/row-kind.ts';
import type { RowTable } from '#model/row-table.ts';
import { unencodable } from '#netlink/netlink-error.ts';
import { encodeDeleteNeighbour, type NeighbourRow, NUD } from '#netlink/route/neighbour.ts';
import type { Outbox } from './outbox.ts';
import type { RowsHead } from './row-writer.ts';

const STATES = new Map<number, NeighbourState>([
  [NUD.PERMANENT, 'permanent'],
  [NUD.NOARP, 'noarp'],
  [NUD.REACHABLE, 'reachable'],
  [NUD.STALE, 'stale'],
]);
const NUMBERS = new Map([...STATES].map(([number, state]) => [state, number]));

/**
 * Keeps a row such as `10.1.0.3 lladdr 02:… PERMANENT`, as `ip neigh show dev vxlan0` has it. Not one without a MAC:
 * nothing is known yet, and nothing is answered with it.
 */
export function keepNeighbour(
  neighbours: RowTable<Neighbour>,
  ns: NamespaceName,
  dev: string,
  { state, bytes, macAt, dstAt, dstBytes }: NeighbourRow,
): void {
  if (macAt < 0 || dstBytes === 0) return;
  neighbours.addBytes({ ns, dev }, STATES.get(state) ?? 'other', bytes, macAt, dstAt, dstBytes);
}

/** What all rows have in common. One that cannot be made so is told so by the kernel. */
export const NEIGHBOUR_HEAD: RowsHead = {
  family: undefined,
  flags: 0,
  states: NEIGHBOUR_STATES.map((state) => NUMBERS.get(state) ?? 0),
  protocol: PROTOCOL,
};

/** `ip neigh replace 10.1.0.3 lladdr 02:… dev vxlan0 nud permanent protocol 119` */
export function writeNeighbour(out: Outbox, verb: KernelOp['verb'], wished: Neighbour): void {
  const visit = out.visit(wished.ns);
  const ifindex = out.index(visit, wished.dev);
  if (verb === 'delete') {
    out.send(visit, encodeDeleteNeighbour({ ifindex, dst: wished.ip }));
    return;
  }
  const state = NUMBERS.get(wished.state);
  if (state === undefined) throw unencodable(`a neighbour cannot be made "${wished.state}"`);
  out.sendRow(visit, { ifindex, dst: wished.ip, mac: wished.mac, state, protocol: PROTOCOL }, 'replace');
}
