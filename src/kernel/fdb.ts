import { constants } from 'node:os';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { Fdb, NamespaceName } from '#model/kernel-state.ts';
import { type Mac, ZERO_MAC } from '#model/mac.ts';
import { BRIDGE_NAME } from '#model/own.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import {
  encodeDeleteNeighbour,
  encodeNewNeighbour,
  type Neighbour as NetlinkNeighbour,
  NTF,
  NUD,
} from '#netlink/route/neighbour.ts';
import type { Outbox } from './outbox.ts';

/**
 * `02:… dev vxlan0 dst 192.0.2.2 self permanent`, as `bridge fdb show` has it. Undefined for the copies that a bridge
 * keeps per VLAN of rows without one: the bridges here do not filter VLANs and never look at them.
 */
export const fdbFrom = (ns: NamespaceName, dev: string, row: NetlinkNeighbour): Fdb | undefined =>
  row.mac === undefined || row.vlan
    ? undefined
    : {
        kind: 'fdb',
        ns,
        dev,
        table: row.flags & NTF.SELF ? 'self' : 'master',
        mac: row.mac as Mac,
        dst: row.dst as Ip | undefined,
        state: row.state & NUD.PERMANENT ? 'permanent' : row.state & NUD.NOARP ? 'static' : 'learned',
      };

const STATES = { permanent: NUD.PERMANENT, static: NUD.NOARP, learned: NUD.REACHABLE } as const;

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
    // A bridge has rows of its own in its own table: to the kernel they are its `self`.
    flags: wished.table === 'self' || wished.dev === BRIDGE_NAME ? NTF.SELF : NTF.MASTER,
  };
  if (verb !== 'delete') out.send(visit, encodeNewNeighbour(entry, mac === ZERO_MAC ? 'append' : 'replace'));
  // A device that has left its bridge has no rows in it: EOPNOTSUPP.
  else
    out.send(visit, encodeDeleteNeighbour(entry), (error) =>
      wished.table === 'master' && error.errno === constants.errno.EOPNOTSUPP ? undefined : error,
    );
}
