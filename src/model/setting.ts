import type { Family } from './ip.ts';

/** Whether a namespace hands packets on that are not for itself, by family. */
export const FORWARDING: Readonly<Record<Family, string>> = {
  4: 'net/ipv4/ip_forward',
  6: 'net/ipv6/conf/all/forwarding',
};

/** Whether 127.0.0.0/8 is for anybody behind that device. */
export const routeLocalnet = (dev: string): string => `net/ipv4/conf/${dev}/route_localnet`;

/** Whether frames that a bridge hands on are shown to rules for packets, by family (br_netfilter; by default where it is loaded). */
export const BRIDGE_CALLS: Readonly<Record<Family, string>> = {
  4: 'net/bridge/bridge-nf-call-iptables',
  6: 'net/bridge/bridge-nf-call-ip6tables',
};

/** What devices begin with. One that forwards tells so on its own, by a MAC that no row is for (RFC 3810, 6.1). */
export const FORWARDING_OF_DEVICES = 'net/ipv6/conf/default/forwarding';
