import { memberRows } from './tunnel-flood.ts';
import type { TunnelRules } from './tunnel-rules.ts';

/**
 * The classic tunnel of two: all that is unknown goes to the one remote, and its answers teach the device. A third
 * host is refused where endpoints are admitted.
 */
export const p2p: TunnelRules = {
  flags: { learning: true, proxy: false, l2miss: false, l3miss: false },
  rows: [memberRows],
};
