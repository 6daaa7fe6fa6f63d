import type { TunnelRules } from './tunnel-rules.ts';

/** Nothing is written beforehand: the device reports each MAC and neighbour it misses, and the agent answers. */
export const onDemand: TunnelRules = {
  flags: { learning: false, proxy: true, l2miss: true, l3miss: true },
  rows: [],
};
