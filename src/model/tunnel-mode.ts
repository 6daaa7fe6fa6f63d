/**
 * How a network's VXLAN devices learn where a MAC lives.
 *
 * - `p2p`: learned from traffic between two hosts; what is unknown goes to the other one.
 * - `multicast`: learned from traffic; unknown and broadcast frames go to a multicast group, once.
 * - `flood`: learned from traffic; unknown and broadcast frames go to every member VTEP.
 * - `static`: every remote MAC is written into the FDB; nothing is learned.
 * - `proxy`: `static`, and the VXLAN device answers ARP and ND itself.
 * - `on-demand`: nothing is written beforehand; the agent answers what the device misses.
 */
export type TunnelMode = 'p2p' | 'multicast' | 'flood' | 'static' | 'proxy' | 'on-demand';

export const TUNNEL_MODES: readonly TunnelMode[] = [
  'p2p',
  'multicast',
  'flood',
  'static',
  'proxy',
  'on-demand',
];
export const DEFAULT_TUNNEL_MODE: TunnelMode = 'proxy';

/** Whether a live VXLAN device can go from one mode to the other: `proxy` and the miss flags are for its whole life. */
export const isInPlace = (from: TunnelMode, to: TunnelMode): boolean =>
  (LIFELONG_FLAGS[from] ?? '') === (LIFELONG_FLAGS[to] ?? '');
const LIFELONG_FLAGS: { readonly [M in TunnelMode]?: string } = {
  proxy: 'proxy',
  'on-demand': 'proxy l2miss l3miss',
};

/**
 * For adopted bridges: who is behind them is never known in full, so whom nobody knows must stay reachable; and full
 * frames must pass, in two packets if need be, which a device in a multicast group refuses (vxlan_change_mtu() in
 * vxlan_core.c: EINVAL above the MTU of its `dev`).
 */
export const ADOPTING_MODES: readonly TunnelMode[] = ['static', 'flood', 'p2p'];
export const DEFAULT_ADOPTING_MODE: TunnelMode = 'static';
