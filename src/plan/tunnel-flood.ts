import { ZERO_MAC } from '#model/mac.ts';
import type { RowMaker, TunnelRules } from './tunnel-rules.ts';

/** `bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2`, one for every member but this host. */
export const memberRows: RowMaker = ({ ns, dev, vteps, host }, { fdb }) => {
  const own = vteps.get(host.id);
  for (const dst of new Set(vteps.values()))
    if (dst !== own) fdb.add({ kind: 'fdb', ns, dev, table: 'self', mac: ZERO_MAC, dst, state: 'permanent' });
};

/**
 * Nothing is known beforehand but who takes part. A broadcast or a frame to an unknown MAC is copied to every
 * member VTEP; the answer teaches the device where its sender lives.
 */
export const flood: TunnelRules = {
  flags: { learning: true, proxy: false, l2miss: false, l3miss: false },
  rows: [memberRows],
};
