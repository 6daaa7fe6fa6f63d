import { familyOf } from '#model/ip.ts';
import { familyOfUnderlay, type Host, type Network, type UnderlayFamily } from '#model/records.ts';

/** Outer IP header (20 or 40) + UDP 8 + VXLAN 8 + inner Ethernet 14: what the tunnel adds to an inner packet. */
export const ENCAPSULATION_BYTES: Readonly<Record<UnderlayFamily, number>> = { ipv4: 50, ipv6: 70 };

export const FAMILY_TITLE: Readonly<Record<UnderlayFamily, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

export const hasUnderlay = (host: Host, underlay: UnderlayFamily): boolean =>
  host.underlay.some((ip) => familyOf(ip) === familyOfUnderlay(underlay));

/** The largest inner MTU that a host's underlay lets through unfragmented. */
export const innerMtu = (host: Host, underlay: UnderlayFamily): number =>
  host.facts.underlayMtu - ENCAPSULATION_BYTES[underlay];

/** Why a host cannot take part in a network, or undefined. */
export function hindrance(network: Network, host: Host): 'underlay' | 'mtu' | undefined {
  if (!hasUnderlay(host, network.underlay)) return 'underlay';
  return innerMtu(host, network.underlay) < network.mtu ? 'mtu' : undefined;
}
