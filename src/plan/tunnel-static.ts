import type { Id } from '#model/id.ts';
import { RowDraft } from '#model/row-draft.ts';
import { memberRows } from './tunnel-flood.ts';
import type { RowMaker, TunnelRules } from './tunnel-rules.ts';

/** `bridge fdb replace 02:… dev vxlan0 dst 10.99.0.2`: a frame to a known MAC goes to one VTEP only. */
export const unicastRows: RowMaker = ({ ns, dev, vteps, remote }, { fdb }) => {
  const device = { ns, dev, table: 'self' } as const;
  const row = new RowDraft();
  let known: Id | undefined;
  for (const end of remote) {
    // A host's follow each other.
    if (end.host !== known) row.setIp(vteps.get(end.host)!);
    known = end.host;
    row.setMac(end);
    fdb.addDraft(device, 'permanent', row);
  }
};

/**
 * Every remote MAC is written down; nothing is learned, so no forged frame can redirect another's. ARP and ND are
 * still asked of every member.
 */
export const staticRows: TunnelRules = {
  flags: { learning: false, proxy: false, l2miss: false, l3miss: false },
  rows: [memberRows, unicastRows],
};
