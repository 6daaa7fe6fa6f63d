import type { Field } from './filter.ts';

/** What rules look at, with the words of nft(8). Offsets are bytes behind the start of the header. */

export const iifname: Field = { text: 'iifname', type: 'ifname', from: { meta: 'iifname' } };
export const oifname: Field = { text: 'oifname', type: 'ifname', from: { meta: 'oifname' } };
export const nfproto: Field = { text: 'meta nfproto', type: 'u8', from: { meta: 'nfproto' } };
/** As {@link etherType}, and cheaper; behind a tag what is tagged. */
export const protocol: Field = { text: 'meta protocol', type: 'u16', from: { meta: 'protocol' } };
/** Behind extension headers; without a value in what is no first fragment. */
export const l4proto: Field = { text: 'meta l4proto', type: 'u8', from: { meta: 'l4proto' } };

export const mark: Field = { text: 'meta mark', type: 'mark', from: { meta: 'mark' } };

export const etherSource: Field = { text: 'ether saddr', type: 'mac', from: { base: 'link', at: 6 } };
/** Of a tagged frame the tag's own: 0x8100. */
/** The same without its name, for sets in which bytes are looked for that have none: see {@link ndOptionMac}. */
export const etherSourceBytes: Field = { ...etherSource, text: '@ll,48,48' };
export const etherType: Field = { text: 'ether type', type: 'u16', from: { base: 'link', at: 12 } };
export const ETHER_TYPE = {
  ip: '0x0800',
  arp: '0x0806',
  vlan: '0x8100',
  ip6: '0x86dd',
  qinq: '0x88a8',
} as const;

/** What makes the rest of an ARP packet what it is: of IPv4, with addresses of six and four bytes. */
export const arpProtocol: Field = { text: 'arp ptype', type: 'u16', from: { base: 'network', at: 2 } };
export const arpLengths: Field = { text: '@nh,32,16', type: 'u16', from: { base: 'network', at: 4 } };
export const MAC_AND_IPV4 = '0x0604';
export const arpSourceMac: Field = { text: 'arp saddr ether', type: 'mac', from: { base: 'network', at: 8 } };
export const arpSourceMacBytes: Field = { ...arpSourceMac, text: '@nh,64,48' };
export const arpSource: Field = { text: 'arp saddr ip', type: 'ipv4', from: { base: 'network', at: 14 } };
export const arpTarget: Field = { text: 'arp daddr ip', type: 'ipv4', from: { base: 'network', at: 24 } };

export const ipSource: Field = { text: 'ip saddr', type: 'ipv4', from: { base: 'network', at: 12 } };
/** `127` is 127.0.0.0/8. */
export const ipSourceByte: Field = { text: '@nh,96,8', type: 'u8', from: { base: 'network', at: 12 } };
export const ipTarget: Field = { text: 'ip daddr', type: 'ipv4', from: { base: 'network', at: 16 } };

export const ip6Length: Field = { text: 'ip6 length', type: 'u16', from: { base: 'network', at: 4 } };
export const ip6NextHeader: Field = { text: 'ip6 nexthdr', type: 'u8', from: { base: 'network', at: 6 } };
/** Of a fragment header right behind the IPv6 header: eight times the offset, and three flags (RFC 8200, 4.5). */
export const ip6FragmentOffset: Field = {
  text: '@nh,336,16',
  type: 'u16',
  from: { base: 'network', at: 42 },
};
export const SECOND_FRAGMENT = 8;
export const ip6Source: Field = { text: 'ip6 saddr', type: 'ipv6', from: { base: 'network', at: 8 } };
/** As {@link etherSourceBytes}, see {@link ndTarget}. */
export const ip6SourceBytes: Field = { ...ip6Source, text: '@nh,64,128' };
export const ip6Target: Field = { text: 'ip6 daddr', type: 'ipv6', from: { base: 'network', at: 24 } };
export const icmpv6Type: Field = { text: 'icmpv6 type', type: 'u8', from: { base: 'transport', at: 0 } };
/** Of neighbour solicitations and advertisements (RFC 4861, 4.3 and 4.4) without extension headers. */
export const ndTarget: Field = { text: '@nh,384,128', type: 'ipv6', from: { base: 'network', at: 48 } };
/** The same behind whatever extension headers, to which receivers do not object. */
export const ndTargetBehind: Field = { text: '@th,64,128', type: 'ipv6', from: { base: 'transport', at: 8 } };
/** Type and length of their first option, and the address in it (4.6.1). */
export const ndOption: Field = { text: '@nh,512,16', type: 'u16', from: { base: 'network', at: 64 } };
export const ndOptionMac: Field = { text: '@nh,528,48', type: 'mac', from: { base: 'network', at: 66 } };

export const icmpType: Field = { text: 'icmp type', type: 'u8', from: { base: 'transport', at: 0 } };
/** Behind `meta l4proto`: of TCP and UDP. */
export const portTarget: Field = { text: 'th dport', type: 'u16', from: { base: 'transport', at: 2 } };
export const udpTarget: Field = { text: 'udp dport', type: 'u16', from: { base: 'transport', at: 2 } };
/**
 * RFC 7348, 5: behind the UDP header and the flags. With the reserved byte after it, 0, since the kernel loads four bytes
 * at half the price of three; a packet with anything else in there is VXLAN to nobody.
 */
export const vxlanVni: Field = { text: '@th,96,32', type: 'vni', from: { base: 'transport', at: 12 } };

/** linux/in.h, linux/in6.h */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, fragment: 44, icmpv6: 58 } as const;
/** NFPROTO_*, linux/netfilter.h */
export const NFPROTO = { ip: 2, ip6: 10 } as const;
/** RFC 4861, 4.1 to 4.5 */
export const ND = {
  routerSolicit: 133,
  routerAdvert: 134,
  solicit: 135,
  advert: 136,
  redirect: 137,
} as const;
/** Type, and length in units of eight bytes: RFC 4861, 4.6.1, and RFC 3971, 5.3.2. */
export const ND_OPTION = { sourceMac: '0x0101', targetMac: '0x0201', nonce: '0x0e01' } as const;
/** RFC 2710, 3.1, and RFC 3810, 5 */
export const MLD = { report: 131, done: 132, reportV2: 143 } as const;
/** The first half of the group that an MLDv1 report is of, and of those of an MLDv2 report without sources. */
const groupAt = (at: number): Field => ({
  text: `@th,${8 * at},16`,
  type: 'u16',
  from: { base: 'transport', at },
});
export const mldGroup = groupAt(8);
export const mldV2Group = (n: number): Field => groupAt(12 + 20 * n);
/** Well-known groups of one link (RFC 4291, 2.7), which no router forwards. */
export const GROUP_OF_THE_LINK = '0xff02';
/** RFC 792, and RFC 1256 */
export const ICMP = { redirect: 5, routerAdvert: 9 } as const;
/** RFC 2131, 4.1, and RFC 8415, 7.2 */
export const [DHCP_SERVER_PORT, DHCP_CLIENT_PORT, DHCPV6_CLIENT_PORT] = [67, 68, 546];
