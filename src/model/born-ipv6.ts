import type { Ipv6Settings, Link } from './kernel-state.ts';

/**
 * What a new device has without being told. Bridges and ports of ours are born in a namespace of ours, with IPv6 on,
 * and nothing waits for the writing of what is so: should somebody have changed the namespace's default, a look tells.
 */
export const bornIpv6 = ({ detail: { type } }: Link): Ipv6Settings =>
  type === 'bridge' || type === 'veth' ? { disabled: false } : {};
