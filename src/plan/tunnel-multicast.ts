import type { TunnelRules } from './tunnel-rules.ts';

/**
 * A frame for nobody known is sent once, to the group, and the underlay copies it to who has joined; the answer
 * teaches the device. The device joins by being given the group as its `remote`, for which the kernel makes the
 * all-zero row itself.
 */
export const multicast: TunnelRules = {
  flags: { learning: true, proxy: false, l2miss: false, l3miss: false },
  rows: [],
};
