import { familyOf, type Ip } from './ip.ts';
import { type Mac, parseMac } from './mac.ts';
import { ipToWords } from './words.ts';

/** The two ways through a tunnel's port, and where each is guarded. */
export const guardChains = (dev: string) =>
  [
    { chain: `${dev}-in`, hook: 'prerouting', side: 'iifname' },
    { chain: `${dev}-out`, hook: 'postrouting', side: 'oifname' },
  ] as const;

/** One thing that a frame can have to do with an address. */
export interface GuardMatch {
  readonly address: Ip | Mac;
  /** Frames of any sort without. */
  readonly ether?: 'arp' | 'ip' | 'ip6';
  /** Where the address is, in bytes from the end of the Ethernet header; a MAC from its start. */
  readonly at: number;
  /** ICMPv6 type: only with this (RFC 4861, 4.3 and 4.4). */
  readonly icmp?: 135 | 136;
  /** As nft(8) has it. */
  readonly text: string;
}

/**
 * What must not cross because of one address of the host's own: who asks for it or says to have it, and what is sent
 * from it (a DHCP or router advertisement of this host is not for the others' containers) or to it.
 */
export function guardMatches(address: Ip | Mac): GuardMatch[] {
  if (isMac(address)) return [{ address, at: 6, text: `ether saddr ${address}` }];
  const match = (ether: GuardMatch['ether'], at: number, words: string, icmp?: 135 | 136): GuardMatch => ({
    address,
    ether,
    at,
    text: `${words} ${address}`,
    ...(icmp && { icmp }),
  });
  if (familyOf(address) === 4)
    return [
      match('arp', 14, 'arp saddr ip'),
      match('arp', 24, 'arp daddr ip'),
      match('ip', 12, 'ip saddr'),
      match('ip', 16, 'ip daddr'),
    ];
  return [
    { ...match('ip6', 48, '', 135), text: `icmpv6 type nd-neighbor-solicit ${target(address)}` },
    { ...match('ip6', 48, '', 136), text: `icmpv6 type nd-neighbor-advert ${target(address)}` },
    match('ip6', 8, 'ip6 saddr'),
    match('ip6', 24, 'ip6 daddr'),
  ];
}

/** Behind the type, code and checksum of a question or answer: 40 + 8 bytes from the IPv6 header's start. */
const target = (address: Ip): string =>
  `@nh,384,128 0x${Array.from(addressBytes(address), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;

const isMac = (address: Ip | Mac): address is Mac => parseMac(address).ok;

/** In network byte order. */
export function addressBytes(address: Ip | Mac): Uint8Array {
  if (isMac(address)) return Uint8Array.from(address.split(':'), (byte) => Number.parseInt(byte, 16));
  const words = new Uint32Array(4);
  ipToWords(address, words, 0);
  const bytes = new Uint8Array(familyOf(address) === 4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i * 4 < bytes.length; i++) view.setUint32(i * 4, words[i]!);
  return bytes;
}
