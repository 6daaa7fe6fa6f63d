import type { Fdb } from '#model/kernel-state.ts';
import { memberRows } from './tunnel-flood.ts';
import type { TunnelRules, TunnelView } from './tunnel-rules.ts';

/**
 * Every remote MAC is written down; nothing is learned, so no forged frame can redirect another's. ARP and ND are
 * still asked of every member.
 */
export const staticRows: TunnelRules = {
  flags: { learning: false, proxy: false, l2miss: false, l3miss: false },
  rows: [memberRows, unicastRows],
};

/** `bridge fdb replace 02:… dev vxlan0 dst 10.99.0.2`: a frame to a known MAC goes to one VTEP only. */
export function* unicastRows({ ns, dev, vteps, remote }: TunnelView): Generator<Fdb> {
  for (const { mac, host } of remote)
    yield { kind: 'fdb', ns, dev, table: 'self', mac, dst: vteps.get(host)!, state: 'permanent' };
}
