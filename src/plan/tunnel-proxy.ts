import type { Ip } from '#model/ip.ts';
import type { NamespaceName, Neighbour } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { linkLocalOf } from './link-local.ts';
import { memberRows } from './tunnel-flood.ts';
import type { TunnelRules, TunnelView } from './tunnel-rules.ts';
import { unicastRows } from './tunnel-static.ts';

/**
 * As static, and the device answers ARP and ND from its own neighbour table. It consumes *every* question that
 * reaches it: what is not in the table gets no answer, all-zero rows or not.
 */
export const proxy: TunnelRules = {
  flags: { learning: false, proxy: true, l2miss: false, l3miss: false },
  rows: [memberRows, unicastRows, neighbourRows],
};

/** `ip neigh replace 10.1.0.3 lladdr 02:… dev vxlan0 nud permanent`, both families and the link-local. */
export function* neighbourRows({ ns, dev, remote }: TunnelView): Generator<Neighbour> {
  for (const { mac, addresses } of remote) {
    for (const ip of addresses) yield neighbour(ns, dev, ip, mac);
    yield neighbour(ns, dev, linkLocalOf(mac), mac);
  }
}

const neighbour = (ns: NamespaceName, dev: string, ip: Ip, mac: Mac): Neighbour => ({
  kind: 'neighbour',
  ns,
  dev,
  ip,
  mac,
  state: 'permanent',
});
