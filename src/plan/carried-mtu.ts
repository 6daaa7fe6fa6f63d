import type { Network } from '#model/records.ts';

/** Of bridge, tunnel and ports: while it changes the larger, so that whatever a container still sends passes. */
export const carriedMtu = ({ mtu, change }: Network): number => Math.max(mtu, change?.other.mtu ?? mtu);

/** Of containers: while it changes the smaller, so that whatever they send passes everywhere by now. */
export const containerMtu = ({ mtu, change }: Network): number => Math.min(mtu, change?.other.mtu ?? mtu);
