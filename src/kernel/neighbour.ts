import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { NamespaceName, Neighbour, NeighbourState } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { PROTOCOL } from '#model/own.ts';
import { unencodable } from '#netlink/netlink-error.ts';
import {
  encodeDeleteNeighbour,
  encodeNewNeighbour,
  type Neighbour as NetlinkNeighbour,
  NUD,
} from '#netlink/route/neighbour.ts';
import type { Outbox } from './outbox.ts';

const STATES = new Map<number, NeighbourState>([
  [NUD.PERMANENT, 'permanent'],
  [NUD.NOARP, 'noarp'],
  [NUD.REACHABLE, 'reachable'],
  [NUD.STALE, 'stale'],
]);
const NUMBERS = new Map([...STATES].map(([number, state]) => [state, number]));

/**
 * `10.1.0.3 lladdr 02:… PERMANENT`, as `ip neigh show dev vxlan0` has it. Undefined for a row without a MAC: nothing
 * is known yet, and nothing is answered with it.
 */
export const neighbourFrom = (
  ns: NamespaceName,
  dev: string,
  { dst, mac, state }: NetlinkNeighbour,
): Neighbour | undefined =>
  dst === undefined || mac === undefined
    ? undefined
    : { kind: 'neighbour', ns, dev, ip: dst as Ip, mac: mac as Mac, state: STATES.get(state) ?? 'other' };

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
  const entry = { ifindex, dst: wished.ip, mac: wished.mac, state, protocol: PROTOCOL };
  out.send(visit, encodeNewNeighbour(entry, 'replace'));
}
