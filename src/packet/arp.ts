import { formatIpv4, formatMac, parseIp, parseMac } from './address.ts';
import { concat, u16 } from './bytes.ts';
import { ETH_P_IP } from './ethernet.ts';
import type { ArpLayer } from './layer.ts';
import { malformed, type Part, type Reading, read, tooShort } from './part.ts';

/** include/uapi/linux/if_arp.h */
export const ARPOP_REQUEST = 1;
export const ARPOP_REPLY = 2;
const ARPHRD_ETHER = 1;

/** ARP for IPv4 over Ethernet (RFC 826), 28 bytes; any other pair of address kinds is called malformed. */
export function readArp(part: Part): Reading {
  const short = tooShort(part, 'arp', 28);
  if (short) return short;
  const { frame, start } = part;
  const kinds = u16(frame, start) === ARPHRD_ETHER && u16(frame, start + 2) === ETH_P_IP;
  const lengths = frame[start + 4] === 6 && frame[start + 5] === 4;
  if (!kinds || !lengths) return malformed(part, 'arp', 'not IPv4 over Ethernet');
  const end = start + 28;
  return read(
    {
      layer: 'arp',
      operation: u16(frame, start + 6),
      senderMac: formatMac(frame, start + 8),
      senderIp: formatIpv4(frame, start + 14),
      targetMac: formatMac(frame, start + 18),
      targetIp: formatIpv4(frame, start + 24),
      start,
      end,
    },
    { protocol: 'payload', end },
  );
}

export function encodeArp(arp: Omit<ArpLayer, 'layer' | 'start' | 'end'>): Uint8Array<ArrayBuffer> {
  return concat(
    Uint8Array.of(0, ARPHRD_ETHER, ETH_P_IP >> 8, ETH_P_IP & 0xff, 6, 4, arp.operation >> 8, arp.operation),
    parseMac(arp.senderMac),
    parseIp(arp.senderIp),
    parseMac(arp.targetMac),
    parseIp(arp.targetIp),
  );
}
