import type { Field } from './filter.ts';

/** What rules look at, with the words of nft(8). Offsets are bytes behind the start of the header. */

export const iifname: Field = { text: 'iifname', type: 'ifname', from: { meta: 'iifname' } };
export const oifname: Field = { text: 'oifname', type: 'ifname', from: { meta: 'oifname' } };
export const nfproto: Field = { text: 'meta nfproto', type: 'u8', from: { meta: 'nfproto' } };
/** Behind extension headers; without a value in what is no first fragment. */
export const l4proto: Field = { text: 'meta l4proto', type: 'u8', from: { meta: 'l4proto' } };

export const etherSource: Field = { text: 'ether saddr', type: 'mac', from: { base: 'link', at: 6 } };
/** Of a tagged frame the tag's own: 0x8100. */
export const etherType: Field = { text: 'ether type', type: 'u16', from: { base: 'link', at: 12 } };
export const ETHER_TYPE = {
  ip: '0x0800',
  arp: '0x0806',
  vlan: '0x8100',
  ip6: '0x86dd',
  qinq: '0x88a8',
} as const;

/** Protocol and lengths, which make the rest of an ARP packet what it is. */
export const arpShape: Field = { text: '@nh,16,32', type: 'u32', from: { base: 'network', at: 2 } };
export const ARP_OF_IPV4 = '0x08000604';
export const arpSourceMac: Field = { text: 'arp saddr ether', type: 'mac', from: { base: 'network', at: 8 } };
export const arpSource: Field = { text: 'arp saddr ip', type: 'ipv4', from: { base: 'network', at: 14 } };
export const arpTarget: Field = { text: 'arp daddr ip', type: 'ipv4', from: { base: 'network', at: 24 } };

export const ipSource: Field = { text: 'ip saddr', type: 'ipv4', from: { base: 'network', at: 12 } };
export const ipTarget: Field = { text: 'ip daddr', type: 'ipv4', from: { base: 'network', at: 16 } };

export const ip6Length: Field = { text: 'ip6 length', type: 'u16', from: { base: 'network', at: 4 } };
export const ip6NextHeader: Field = { text: 'ip6 nexthdr', type: 'u8', from: { base: 'network', at: 6 } };
export const ip6Source: Field = { text: 'ip6 saddr', type: 'ipv6', from: { base: 'network', at: 8 } };
export const ip6Target: Field = { text: 'ip6 daddr', type: 'ipv6', from: { base: 'network', at: 24 } };
export const icmpv6Type: Field = { text: 'icmpv6 type', type: 'u8', from: { base: 'transport', at: 0 } };
/** Of neighbour solicitations and advertisements (RFC 4861, 4.3 and 4.4) without extension headers. */
export const ndTarget: Field = { text: '@nh,384,128', type: 'ipv6', from: { base: 'network', at: 48 } };
/** Type and length of their first option, and the address in it (4.6.1). */
export const ndOption: Field = { text: '@nh,512,16', type: 'u16', from: { base: 'network', at: 64 } };
export const ndOptionMac: Field = { text: '@nh,528,48', type: 'mac', from: { base: 'network', at: 66 } };

export const icmpType: Field = { text: 'icmp type', type: 'u8', from: { base: 'transport', at: 0 } };
export const udpTarget: Field = { text: 'udp dport', type: 'u16', from: { base: 'transport', at: 2 } };
/** RFC 7348, 5: behind the UDP header and the flags. */
export const vxlanVni: Field = { text: '@th,96,24', type: 'u24', from: { base: 'transport', at: 12 } };

/** linux/in.h, linux/in6.h */
export const PROTOCOL = { icmp: 1, udp: 17, icmpv6: 58 } as const;
/** NFPROTO_*, linux/netfilter.h */
export const NFPROTO = { ip: 2, ip6: 10 } as const;
/** RFC 4861, 4.1 to 4.5 */
export const ND = { routerAdvert: 134, solicit: 135, advert: 136, redirect: 137 } as const;
