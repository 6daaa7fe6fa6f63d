import { u16 } from './bytes.ts';
import type { ChecksumState } from './layer.ts';
import type { Part } from './part.ts';

/** The internet checksum (RFC 1071) and the pseudo-header, whose sum is the same arithmetic in both IP versions. */

/** Sum of the 16-bit words of `bytes[start, end)`, an odd last byte filled up with zero; not folded. */
export function sumWords(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at + 1 < end; at += 2) sum += u16(bytes, at);
  return (end - start) % 2 === 1 ? sum + (bytes[end - 1]! << 8) : sum;
}

/** The ones'-complement sum in 16 bits. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

/** What goes into a header's checksum field, the field being zero while summing. */
export function checksumOf(sum: number): number {
  return 0xffff - fold(sum);
}

/** The checksum of an ICMPv6 message or UDP datagram whose own field is still zero. Addresses as bytes. */
export function pseudoChecksum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  message: Uint8Array,
): number {
  const addresses = sumWords(source, 0, source.length) + sumWords(destination, 0, destination.length);
  return checksumOf(addresses + protocol + message.length + sumWords(message, 0, message.length));
}

/** Verifies a checksum that covers exactly the part and no pseudo-header (IPv4 header, ICMPv4). */
export function verifyChecksum(part: Part): ChecksumState {
  if (!part.complete) return 'unverified';
  return fold(sumWords(part.frame, part.start, part.end)) === 0xffff ? 'good' : 'bad';
}

/** Verifies the `checksum` of a UDP, TCP or ICMPv6 message that fills the part. */
export function verifyPseudoChecksum(part: Part, protocol: number, checksum: number): ChecksumState {
  if (!part.complete || part.addressSum === undefined) return 'unverified';
  const pseudo = part.addressSum + protocol + (part.end - part.start);
  if (fold(pseudo + sumWords(part.frame, part.start, part.end)) === 0xffff) return 'good';
  // CHECKSUM_PARTIAL, include/linux/skbuff.h: the field holds the folded pseudo-header until a card completes it.
  return checksum === fold(pseudo) ? 'partial' : 'bad';
}
