import type { Network } from '#model/records.ts';

/** Bytes around an inner IP packet: outer IP, UDP 8, VXLAN 8, inner Ethernet 14. */
export const OVERHEAD = { ipv4: 50, ipv6: 70 } as const;

/** Of bridge, tunnel and ports: while it changes the larger, so that whatever a container still sends passes. */
export const carriedMtu = ({ mtu, change }: Network): number => Math.max(mtu, change?.other.mtu ?? mtu);

/** Of containers: while it changes the smaller, so that whatever they send passes everywhere by now. */
export const containerMtu = ({ mtu, change }: Network): number => Math.min(mtu, change?.other.mtu ?? mtu);
