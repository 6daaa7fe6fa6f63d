import type { Forgery } from '#model/forgery.ts';
import type { Ip } from '#model/ip.ts';
import { addressBytes } from '#model/words.ts';
import { checksumOf, sumWords } from '#packet/checksum.ts';

/** One end of a wire. */
export interface Party {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** A frame that its sender has no right to send, and what it is found out by. */
export interface ForgedFrame {
  readonly name: string;
  readonly kind: Forgery;
  readonly frame: Buffer;
}

const bytes = (...parts: readonly (string | readonly number[] | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'string' ? Buffer.from(part.replace(/[ :]/g, ''), 'hex') : Buffer.from(part),
    ),
  );
const ip = (text: string): Buffer => Buffer.from(addressBytes(text as Ip));
const u16 = (value: number): number[] => [value >> 8, value & 255];

const ALL = 'ff:ff:ff:ff:ff:ff';
const ALL_NODES = { mac: '33:33:00:00:00:01', ip: 'ff02::1' };

const ethernet = (to: string, from: string, type: string, ...payload: Uint8Array[]): Buffer => {
  const frame = bytes(to, from, type, ...payload);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]);
};
const ipv4 = (
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  fragment: readonly number[] = [0, 0, 0, 0],
): Buffer => {
  const header = bytes([0x45, 0], u16(20 + payload.length), fragment, [64, protocol, 0, 0], ip(from), ip(to));
  // br_netfilter, where it is loaded, drops what has none.
  header.writeUInt16BE(checksumOf(sumWords(header, 0, header.length)), 10);
  return bytes(header, payload);
};
const ipv6 = (from: string, to: string, next: number, payload: Uint8Array): Buffer =>
  bytes([0x60, 0, 0, 0], u16(payload.length), [next, 255], ip(from), ip(to), payload);
const udp = (from: number, to: number): Buffer => bytes(u16(from), u16(to), u16(8), [0, 0]);
const arp = (operation: number, mac: string, from: string, toMac: string, to: string): Buffer =>
  bytes('0001 0800 06 04', u16(operation), mac, ip(from), toMac, ip(to));
const icmpv6 = (type: number, ...rest: Uint8Array[]): Buffer => bytes([type, 0, 0, 0, 0, 0, 0, 0], ...rest);
const option = (type: number, mac: string): Buffer => bytes([type, 1], mac);

const [ICMP, UDP, TCP, ICMPV6, HOP_BY_HOP, FRAGMENT, DESTINATION] = [1, 17, 6, 58, 0, 44, 60];

/** All that `me` can pretend against `victim`, in the name of `other`. */
export function forgedFrames(me: Party, victim: Party, other: Party): ForgedFrame[] {
  const frames: ForgedFrame[] = [];
  const forge = (kind: Forgery, name: string, frame: Buffer) => frames.push({ kind, name, frame });
  const four = (from: string, protocol: number, payload: Uint8Array, mac = me.mac) =>
    ethernet(victim.mac, mac, '0800', ipv4(from, victim.ipv4, protocol, payload));
  const six = (from: string, next: number, payload: Uint8Array, mac = me.mac, to = victim.ipv6) =>
    ethernet(victim.mac, mac, '86dd', ipv6(from, to, next, payload));
  const nd = (payload: Uint8Array, from = me.ipv6) =>
    ethernet(ALL_NODES.mac, me.mac, '86dd', ipv6(from, ALL_NODES.ip, ICMPV6, payload));

  forge('mac', 'IPv4 with another’s MAC', four(me.ipv4, UDP, udp(1, 2), other.mac));
  forge('mac', 'IPv6 with another’s MAC', six(me.ipv6, UDP, udp(1, 2), other.mac));
  forge(
    'mac',
    'ARP with another’s MAC outside',
    ethernet(ALL, other.mac, '0806', arp(1, me.mac, me.ipv4, ALL, victim.ipv4)),
  );
  forge('mac', 'something else with another’s MAC', ethernet(victim.mac, other.mac, '88b5'));
  forge('ip', 'IPv4 of another', four(other.ipv4, UDP, udp(1, 2)));
  forge('ip', 'IPv4 of nobody', four('203.0.113.9', TCP, Buffer.alloc(20)));
  forge('ip', 'IPv4 from nowhere that is no DHCP', four('0.0.0.0', UDP, udp(68, 53)));
  forge('ip', 'IPv6 of another', six(other.ipv6, UDP, udp(1, 2)));
  forge('ip', 'another’s link-local', six('fe80::bad', TCP, Buffer.alloc(20)));
  forge(
    'ip',
    'IPv6 whose headers lead nowhere',
    six(me.ipv6, DESTINATION, bytes([ICMPV6, 200, 1, 4, 0, 0, 0, 0])),
  );
  forge(
    'ip',
    'the first piece of an IPv6 packet that says not what it is',
    six(me.ipv6, FRAGMENT, bytes([DESTINATION, 0, 0, 1, 0, 0, 0, 7], [UDP, 200, 1, 4, 0, 0, 0, 0])),
  );
  forge(
    'arp',
    'an answer that another’s address is here',
    ethernet(victim.mac, me.mac, '0806', arp(2, me.mac, other.ipv4, victim.mac, victim.ipv4)),
  );
  forge(
    'arp',
    'gratuitous, of another’s address',
    ethernet(ALL, me.mac, '0806', arp(1, me.mac, other.ipv4, ALL, other.ipv4)),
  );
  forge(
    'arp',
    'an answer with another’s MAC inside',
    ethernet(victim.mac, me.mac, '0806', arp(2, other.mac, me.ipv4, victim.mac, victim.ipv4)),
  );
  forge(
    'arp',
    'of no shape that is known',
    ethernet(ALL, me.mac, '0806', bytes('0001 0800 08 04 0001', Buffer.alloc(24))),
  );
  forge('nd', 'an advertisement of another’s address', nd(icmpv6(136, ip(other.ipv6), option(2, me.mac))));
  forge('nd', 'an advertisement with another’s MAC', nd(icmpv6(136, ip(me.ipv6), option(2, other.mac))));
  forge(
    'nd',
    'an advertisement with a second option behind the first',
    nd(icmpv6(136, ip(me.ipv6), option(2, me.mac), option(2, other.mac))),
  );
  forge('nd', 'an advertisement without the option, of another’s', nd(icmpv6(136, ip(other.ipv6))));
  forge('nd', 'a solicitation with another’s MAC', nd(icmpv6(135, ip(victim.ipv6), option(1, other.mac))));
  forge(
    'nd',
    'an advertisement behind an extension header',
    ethernet(
      ALL_NODES.mac,
      me.mac,
      '86dd',
      ipv6(
        me.ipv6,
        ALL_NODES.ip,
        HOP_BY_HOP,
        bytes([ICMPV6, 0, 1, 4, 0, 0, 0, 0], icmpv6(136, ip(other.ipv6), option(2, me.mac))),
      ),
    ),
  );
  forge('nd', 'a probe for another’s address', nd(icmpv6(135, ip(other.ipv6)), '::'));
  forge('router', 'a router advertisement', nd(icmpv6(134, Buffer.alloc(8))));
  forge(
    'router',
    'a router advertisement behind extension headers',
    ethernet(
      ALL_NODES.mac,
      me.mac,
      '86dd',
      ipv6(
        me.ipv6,
        ALL_NODES.ip,
        HOP_BY_HOP,
        bytes(
          [DESTINATION, 0, 1, 4, 0, 0, 0, 0],
          [ICMPV6, 0, 1, 4, 0, 0, 0, 0],
          icmpv6(134, Buffer.alloc(8)),
        ),
      ),
    ),
  );
  forge(
    'router',
    'the first piece of a router advertisement',
    ethernet(
      ALL_NODES.mac,
      me.mac,
      '86dd',
      ipv6(
        me.ipv6,
        ALL_NODES.ip,
        FRAGMENT,
        bytes([ICMPV6, 0, 0, 1, 0, 0, 0, 7], icmpv6(134, Buffer.alloc(8))),
      ),
    ),
  );
  forge('router', 'an IPv6 redirect', nd(icmpv6(137, ip(me.ipv6), ip(other.ipv6))));
  forge(
    'router',
    'an IPv4 redirect',
    four(me.ipv4, ICMP, bytes([5, 1, 0, 0], ip(me.ipv4), Buffer.alloc(28))),
  );
  forge('dhcp', 'a DHCP answer', four(me.ipv4, UDP, udp(67, 68)));
  forge('dhcp', 'a DHCP answer from any port', four(me.ipv4, UDP, udp(6767, 68)));
  forge('dhcp', 'a DHCPv6 answer', six(me.ipv6, UDP, udp(547, 546)));
  forge(
    'tag',
    'behind a priority tag',
    ethernet(victim.mac, me.mac, '8100 0000 0800', ipv4(other.ipv4, victim.ipv4, UDP, udp(1, 2))),
  );
  forge(
    'tag',
    'behind two tags',
    ethernet(victim.mac, me.mac, '88a8 0000 8100 0000 0800', ipv4(other.ipv4, victim.ipv4, UDP, udp(1, 2))),
  );
  return frames;
}

/** What passes: its own, and what has no name yet. */
export function honestFrames(
  me: Party,
  victim: Party,
  linkLocal: string,
): { readonly name: string; readonly frame: Buffer }[] {
  const six = (from: string, payload: Uint8Array, next = ICMPV6) =>
    ethernet(ALL_NODES.mac, me.mac, '86dd', ipv6(from, ALL_NODES.ip, next, payload));
  const arpFrame = (operation: number, from: string, to: string) =>
    ethernet(ALL, me.mac, '0806', arp(operation, me.mac, from, ALL, to));
  return [
    { name: 'ARP question', frame: arpFrame(1, me.ipv4, victim.ipv4) },
    { name: 'gratuitous ARP', frame: arpFrame(1, me.ipv4, me.ipv4) },
    { name: 'gratuitous ARP answer', frame: arpFrame(2, me.ipv4, me.ipv4) },
    { name: 'ARP probe', frame: arpFrame(1, '0.0.0.0', me.ipv4) },
    {
      name: 'DHCP question',
      frame: ethernet(ALL, me.mac, '0800', ipv4('0.0.0.0', '255.255.255.255', UDP, udp(68, 67))),
    },
    {
      name: 'IPv4 multicast',
      frame: ethernet('01:00:5e:09:09:09', me.mac, '0800', ipv4(me.ipv4, '239.9.9.9', UDP, udp(9, 9))),
    },
    {
      name: 'a later piece of IPv4',
      frame: ethernet(
        victim.mac,
        me.mac,
        '0800',
        ipv4(me.ipv4, victim.ipv4, UDP, Buffer.alloc(8), [0, 7, 0, 9]),
      ),
    },
    { name: 'probe for an own address', frame: six('::', icmpv6(135, ip(me.ipv6))) },
    {
      name: 'probe with a nonce',
      frame: six('::', icmpv6(135, ip(linkLocal), bytes([14, 1, 1, 2, 3, 4, 5, 6]))),
    },
    { name: 'router solicitation', frame: six('::', icmpv6(133)) },
    { name: 'MLD report', frame: six('::', bytes([ICMPV6, 0, 5, 2, 0, 0, 1, 0], icmpv6(143)), HOP_BY_HOP) },
    { name: 'solicitation', frame: six(linkLocal, icmpv6(135, ip(victim.ipv6), option(1, me.mac))) },
    { name: 'advertisement', frame: six(me.ipv6, icmpv6(136, ip(me.ipv6), option(2, me.mac))) },
    { name: 'advertisement of the link-local', frame: six(linkLocal, icmpv6(136, ip(linkLocal))) },
    { name: 'DHCPv6 question', frame: six(linkLocal, udp(546, 547), UDP) },
    {
      name: 'a later piece of IPv6',
      frame: six(me.ipv6, bytes([ICMPV6, 0, 0, 9, 0, 0, 0, 7], Buffer.alloc(16)), FRAGMENT),
    },
    { name: 'something else', frame: ethernet(victim.mac, me.mac, '88b5', Buffer.alloc(46)) },
  ];
}

/** Reports of multicast groups by `me`: what only a bridge that snoops needs, and what a router may. */
export function reports(me: Party): { ofTheLink: Buffer[]; others: Buffer[] } {
  const report = (from: string, ...payload: Uint8Array[]) => {
    const hopByHop = bytes([ICMPV6, 0, 5, 2, 0, 0, 1, 0], ...payload);
    return ethernet('33:33:00:00:00:16', me.mac, '86dd', ipv6(from, 'ff02::16', HOP_BY_HOP, hopByHop));
  };
  const v1 = (group: string) => report(me.ipv6, icmpv6(131, ip(group)));
  const v2 = (...groups: string[]) =>
    report(
      me.ipv6,
      bytes([143, 0, 0, 0, 0, 0], u16(groups.length), ...groups.map((g) => bytes([4, 0, 0, 0], ip(g)))),
    );
  const solicited = Array.from({ length: 5 }, (_, n) => `ff02::1:ff00:${n}`);
  const [wide, mdns] = ['ff05::9', 'ff02::fb'];
  return {
    ofTheLink: [v1(mdns), ...[1, 2, 3, 4].map((count) => v2(...solicited.slice(0, count)))],
    others: [
      v1(wide),
      v2(wide),
      v2(mdns, wide),
      v2(wide, mdns),
      v2(mdns, mdns, mdns, wide),
      v2(...solicited),
    ],
  };
}
