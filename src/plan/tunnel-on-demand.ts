import { neighbourRows } from './tunnel-proxy.ts';
import type { TunnelRules } from './tunnel-rules.ts';
import { unicastRows } from './tunnel-static.ts';

/**
 * As proxy, but nothing is written beforehand: a container's question that no row answers is a miss, which the agent
 * hears, writes the rows for and answers. A row that nobody uses goes again. Broadcast and multicast reach nobody:
 * there is no all-zero row, because with one a frame to an unknown MAC would be no miss.
 */
export const onDemand: TunnelRules = {
  flags: { learning: false, proxy: true, l2miss: true, l3miss: true },
  rows: [],
  asked: [unicastRows, neighbourRows],
};
