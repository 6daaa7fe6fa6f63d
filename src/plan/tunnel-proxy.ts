import { RowDraft } from '#model/row-draft.ts';
import { IPV6 } from '#model/words.ts';
import { memberRows } from './tunnel-flood.ts';
import type { RowMaker, TunnelRules } from './tunnel-rules.ts';
import { unicastRows } from './tunnel-static.ts';

/** `ip neigh replace 10.1.0.3 lladdr 02:… dev vxlan0 nud permanent`, both families and the link-local. */
export const neighbourRows: RowMaker = ({ ns, dev, ipv6, remote }, { neighbour }) => {
  const device = { ns, dev };
  const row = new RowDraft();
  for (const end of remote) {
    row.setMac(end);
    for (let slot = 0; row.setAddress(end, slot); slot++)
      if (ipv6 || row.ipForm !== IPV6) neighbour.addDraft(device, 'permanent', row);
    if (!ipv6) continue;
    row.setLinkLocal();
    neighbour.addDraft(device, 'permanent', row);
  }
};

/**
 * As static, and the device answers ARP and ND from its own neighbour table. It consumes *every* question that
 * reaches it: what is not in the table gets no answer, all-zero rows or not.
 */
export const proxy: TunnelRules = {
  flags: { learning: false, proxy: true, l2miss: false, l3miss: false },
  rows: [memberRows, unicastRows, neighbourRows],
};
