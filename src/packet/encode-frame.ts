import { BROADCAST_MAC, parseIp, ZERO_MAC } from './address.ts';
import { ARPOP_REPLY, ARPOP_REQUEST, encodeArp } from './arp.ts';
import { putU16 } from './bytes.ts';
import { pseudoChecksum } from './checksum.ts';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, encodeEthernet } from './ethernet.ts';
import { encodeEcho, ICMP_ECHO, ICMP_ECHOREPLY } from './icmp.ts';
import { ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST } from './icmpv6.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from './ip-protocol.ts';
import { encodeIpv4 } from './ipv4.ts';
import { encodeIpv6 } from './ipv6.ts';
import { encodeAdvertisement } from './neighbour-discovery.ts';

/**
 * Whole frames that Weft puts on a link. All take canonical addresses and throw RangeError on text that is none:
 * what was not checked at the door is a broken invariant here.
 */

/** One station on a link. */
export interface Station {
  mac: string;
  ip: string;
}

const ALL_NODES: Station = { mac: '33:33:00:00:00:01', ip: 'ff02::1' };

/** `who-has target tell sender.ip`, to everybody. */
export function encodeArpRequest(sender: Station, target: string): Uint8Array<ArrayBuffer> {
  return arpFrame(ARPOP_REQUEST, sender, { mac: ZERO_MAC, ip: target }, BROADCAST_MAC);
}

/** `sender.ip is-at sender.mac`, to the one who asked; `sender` may be spoken for by a proxy. */
export function encodeArpReply(sender: Station, asker: Station): Uint8Array<ArrayBuffer> {
  return arpFrame(ARPOP_REPLY, sender, asker, asker.mac);
}

/** The announcement of RFC 5227, a request for the own address: caches that know it are refreshed. */
export function encodeGratuitousArp(sender: Station): Uint8Array<ArrayBuffer> {
  return encodeArpRequest(sender, sender.ip);
}

function arpFrame(
  operation: number,
  sender: Station,
  target: Station,
  destination: string,
): Uint8Array<ArrayBuffer> {
  const { mac: senderMac, ip: senderIp } = sender;
  const arp = encodeArp({ operation, senderMac, senderIp, targetMac: target.mac, targetIp: target.ip });
  return encodeEthernet({ destination, source: senderMac, etherType: ETH_P_ARP }, arp);
}

/**
 * `sender.ip is-at sender.mac`: solicited when somebody asked, else to all nodes (IPv6's gratuitous ARP). An asker
 * without an address (`::`, duplicate address detection) is answered by the form to all nodes, RFC 4861 7.2.4.
 */
export function encodeNeighbourAdvertisement(sender: Station, asker?: Station): Uint8Array<ArrayBuffer> {
  const to = asker ?? ALL_NODES;
  const message = encodeAdvertisement({ target: sender.ip, mac: sender.mac, solicited: asker !== undefined });
  return icmpv6Frame(sender, to, message, 255); // hop limit 255 proves that no router forwarded it
}

/** A ping or its answer, in the family of `from.ip`; both addresses must be of one family. */
export function encodeIcmpEcho(
  kind: 'request' | 'reply',
  from: Station,
  to: Station,
  echo: { id: number; sequence: number; data: Uint8Array },
): Uint8Array<ArrayBuffer> {
  if (from.ip.includes(':')) {
    const message = encodeEcho(kind === 'request' ? ICMPV6_ECHO_REQUEST : ICMPV6_ECHO_REPLY, echo);
    return icmpv6Frame(from, to, message, 64);
  }
  const message = encodeEcho(kind === 'request' ? ICMP_ECHO : ICMP_ECHOREPLY, echo);
  const header = { source: from.ip, destination: to.ip, protocol: IPPROTO_ICMP, ttl: 64 };
  return encodeEthernet(
    { destination: to.mac, source: from.mac, etherType: ETH_P_IP },
    encodeIpv4(header, message),
  );
}

function icmpv6Frame(
  from: Station,
  to: Station,
  message: Uint8Array,
  hopLimit: number,
): Uint8Array<ArrayBuffer> {
  putU16(message, 2, 0);
  putU16(message, 2, pseudoChecksum(parseIp(from.ip), parseIp(to.ip), IPPROTO_ICMPV6, message));
  const header = { source: from.ip, destination: to.ip, protocol: IPPROTO_ICMPV6, hopLimit };
  return encodeEthernet(
    { destination: to.mac, source: from.mac, etherType: ETH_P_IPV6 },
    encodeIpv6(header, message),
  );
}
