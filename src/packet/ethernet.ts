import { formatMac, parseMac } from './address.ts';
import { concat, u16 } from './bytes.ts';
import { type Next, type Part, type Reading, read, tooShort } from './part.ts';

/** include/uapi/linux/if_ether.h */
export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021AD = 0x88a8;
/** Below this the field is a length, not a type. */
const ETH_P_802_3_MIN = 0x0600;

const carried: Record<number, Next['protocol']> = {
  [ETH_P_IP]: 'ipv4',
  [ETH_P_ARP]: 'arp',
  [ETH_P_8021Q]: 'vlan',
  [ETH_P_IPV6]: 'ipv6',
  [ETH_P_8021AD]: 'vlan',
};

/** Ethernet II, 14 bytes: destination, source, type. */
export function readEthernet(part: Part): Reading {
  const short = tooShort(part, 'ethernet', 14);
  if (short) return short;
  const { frame, start } = part;
  const etherType = u16(frame, start + 12);
  const end = start + 14;
  const destination = formatMac(frame, start);
  const source = formatMac(frame, start + 6);
  return read({ layer: 'ethernet', destination, source, etherType, start, end }, after(etherType, end, part));
}

/** One 802.1Q or 802.1ad tag, 4 bytes: control and the type of what follows. The tag's own type stands before it. */
export function readVlan(part: Part): Reading {
  const short = tooShort(part, 'vlan', 4);
  if (short) return short;
  const { frame, start } = part;
  const control = u16(frame, start);
  const etherType = u16(frame, start + 2);
  const end = start + 4;
  return read(
    {
      layer: 'vlan',
      tag: u16(frame, start - 2),
      priority: control >> 13,
      dropEligible: (control & 0x1000) !== 0,
      vid: control & 0xfff,
      etherType,
      start,
      end,
    },
    after(etherType, end, part),
  );
}

function after(etherType: number, at: number, part: Part): Next {
  if (etherType < ETH_P_802_3_MIN) return { protocol: 'payload', end: at + etherType };
  return { protocol: carried[etherType] ?? 'payload', end: part.end };
}

/** Wraps a payload. No padding to 60 bytes: the kernel's driver adds that where a wire needs it. */
export function encodeEthernet(
  header: { destination: string; source: string; etherType: number },
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const type = Uint8Array.of(header.etherType >> 8, header.etherType);
  return concat(parseMac(header.destination), parseMac(header.source), type, payload);
}
