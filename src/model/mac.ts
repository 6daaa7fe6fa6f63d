import type { Entropy } from './id.ts';
import { type Parsed, parsed, unparsed } from './parsed.ts';

/** An Ethernet address in lower-case colon form, `02:0a:…`. */
export type Mac = string & { readonly brand: 'Mac' };

/** In an FDB: "any frame without an entry of its own", the head-end replication list. */
export const ZERO_MAC = '00:00:00:00:00:00' as Mac;

/** Reads `02:…` or `02-…`; an endpoint's own address must be unicast and not zero. */
export function parseMac(text: string): Parsed<Mac> {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text))
    return unparsed('is not a MAC address', 'write six hexadecimal pairs, such as 02:00:00:00:00:01');
  const mac = text.toLowerCase().replaceAll('-', ':') as Mac;
  if (isMulticastMac(mac))
    return unparsed('is a multicast address', 'the lowest bit of the first byte must be 0');
  return mac === ZERO_MAC
    ? unparsed('is the zero address', 'give another one, or leave it out')
    : parsed(mac);
}

/** Broadcast included (IEEE 802: the I/G bit). */
export const isMulticastMac = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;

/** A random locally administered unicast address: never derived from the IP, so that a re-used IP shows as new. */
export function createMac(entropy: Entropy): Mac {
  const bytes = entropy(6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}
