import { constants } from 'node:os';
import type { KernelOp } from '#model/kernel-op.ts';
import type { Fdb, FdbState, NamespaceName } from '#model/kernel-state.ts';
import { ZERO_MAC } from '#model/mac.ts';
import { BRIDGE_NAME } from '#model/own.ts';
import { FDB_STATES } from '#model/row-kind.ts';
import type { RowTable } from '#model/row-table.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { encodeDeleteNeighbour, type NeighbourRow, NTF, NUD } from '#netlink/route/neighbour.ts';
import type { Outbox } from './outbox.ts';
import type { RowsHead } from './row-writer.ts';

/**
 * Keeps a row such as `02:… dev vxlan0 dst 192.0.2.2 self permanent`, as `bridge fdb show` has it. Not the copies that
 * a bridge keeps per VLAN of rows without one: the bridges here do not filter VLANs and never look at them.
 */
export function keepFdb(fdb: RowTable<Fdb>, ns: NamespaceName, dev: string, row: NeighbourRow): void {
  if (row.macAt < 0 || row.hasVlan) return;
  const table = row.flags & NTF.SELF ? 'self' : 'master';
  const { bytes, macAt, dstAt, dstBytes } = row;
  if (isDefaultRow(row)) return;
  fdb.addBytes({ ns, dev, table }, stateOf(row), bytes, macAt, dstAt, dstBytes);
}

/**
 * The row that the kernel makes for a device's group: it goes by a device of its own. Or a stranger's, one more copy
 * to a VTEP that has one: nothing tells it from the proper row but the detour.
 */
export const isDefaultRow = ({ hasDetour, bytes, macAt }: NeighbourRow): boolean =>
  hasDetour && macAt >= 0 && isZeroMac(bytes, macAt);

const isZeroMac = (bytes: Uint8Array, at: number): boolean =>
  bytes.subarray(at, at + 6).every((byte) => byte === 0);

function stateOf({ hasDetour, state }: NeighbourRow): FdbState {
  if (hasDetour) return 'other';
  return state & NUD.PERMANENT ? 'permanent' : state & NUD.NOARP ? 'static' : 'learned';
}

const STATES = { permanent: NUD.PERMANENT, static: NUD.NOARP, learned: NUD.REACHABLE, other: 0 } as const;

/** A bridge has rows of its own in its own table: to the kernel they are its `self`. */
const flagsOf = ({ table, dev }: Fdb): number =>
  table === 'self' || dev === BRIDGE_NAME ? NTF.SELF : NTF.MASTER;

/** What all rows have in common that are of this one's device. */
export const fdbHead = (row: Fdb): RowsHead => ({
  family: AF_BRIDGE,
  flags: flagsOf(row),
  states: FDB_STATES.map((state) => STATES[state]),
  protocol: undefined,
});

/** `bridge fdb replace 02:… dev vxlan0 dst 192.0.2.2 self permanent`; the all-zero MAC has many: `append`. */
export function writeFdb(out: Outbox, verb: KernelOp['verb'], wished: Fdb): void {
  const visit = out.visit(wished.ns);
  const { mac, dst } = wished;
  const entry = {
    family: AF_BRIDGE,
    ifindex: out.index(visit, wished.dev),
    mac,
    dst,
    state: STATES[wished.state],
    flags: flagsOf(wished),
  };
  if (verb !== 'delete') out.sendRow(visit, entry, mac === ZERO_MAC ? 'append' : 'replace');
  // A device that has left its bridge has no rows in it: EOPNOTSUPP.
  else
    out.send(visit, encodeDeleteNeighbour(entry), (error) =>
      wished.table === 'master' && error.errno === constants.errno.EOPNOTSUPP ? undefined : error,
    );
}
