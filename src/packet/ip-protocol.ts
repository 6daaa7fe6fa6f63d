import type { Next } from './part.ts';

/** include/uapi/linux/in.h, in6.h */
export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;

const readable: Record<number, Next['protocol']> = {
  [IPPROTO_TCP]: 'tcp',
  [IPPROTO_UDP]: 'udp',
};

/** Which reader takes what an IP header carries; each version knows its own ICMP only. */
export function carriedProtocol(version: 4 | 6, protocol: number): Next['protocol'] {
  if (protocol === IPPROTO_ICMP && version === 4) return 'icmp';
  if (protocol === IPPROTO_ICMPV6 && version === 6) return 'icmpv6';
  return readable[protocol] ?? 'payload';
}
