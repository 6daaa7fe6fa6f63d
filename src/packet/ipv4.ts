import { formatIpv4, parseIp } from './address.ts';
import { concat, putU16, u16 } from './bytes.ts';
import { checksumOf, sumWords, verifyChecksum } from './checksum.ts';
import { carriedProtocol } from './ip-protocol.ts';
import { malformed, type Part, type Reading, read, tooShort } from './part.ts';

/** include/net/ip.h */
const IP_DF = 0x4000;
const IP_MF = 0x2000;
const IP_OFFSET = 0x1fff;

/** RFC 791; options belong to the layer's span and are not read. */
export function readIpv4(part: Part): Reading {
  const short = tooShort(part, 'ipv4', 20);
  if (short) return short;
  const { frame, start } = part;
  if (frame[start]! >> 4 !== 4) return malformed(part, 'ipv4', `version ${frame[start]! >> 4}`);
  const headerLength = (frame[start]! & 0xf) * 4;
  if (headerLength < 20) return malformed(part, 'ipv4', `header length ${headerLength}`);
  const shortOptions = tooShort(part, 'ipv4', headerLength);
  if (shortOptions) return shortOptions;
  const totalLength = u16(frame, start + 2);
  if (totalLength > 0 && totalLength < headerLength)
    return malformed(part, 'ipv4', `total length ${totalLength}`);

  const end = start + headerLength;
  const flags = u16(frame, start + 6);
  const protocol = frame[start + 9]!;
  const moreFragments = (flags & IP_MF) !== 0;
  const fragmentOffset = (flags & IP_OFFSET) * 8;
  return read(
    {
      layer: 'ipv4',
      source: formatIpv4(frame, start + 12),
      destination: formatIpv4(frame, start + 16),
      ttl: frame[start + 8]!,
      protocol,
      dscp: frame[start + 1]! >> 2,
      ecn: frame[start + 1]! & 3,
      id: u16(frame, start + 4),
      dontFragment: (flags & IP_DF) !== 0,
      moreFragments,
      fragmentOffset,
      totalLength,
      checksum: u16(frame, start + 10),
      checksumState: verifyChecksum({ frame, start, end, complete: true }),
      start,
      end,
    },
    {
      protocol: fragmentOffset > 0 ? 'payload' : carriedProtocol(4, protocol),
      end: totalLength === 0 ? part.end : start + totalLength,
      addressSum: sumWords(frame, start + 12, start + 20),
      fragment: moreFragments || fragmentOffset > 0,
    },
  );
}

/** A header of 20 bytes, DF set, id 0 as the kernel does for datagrams that may not be split, checksum filled in. */
export function encodeIpv4(
  header: { source: string; destination: string; protocol: number; ttl: number },
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const length = 20 + payload.length;
  const bytes = concat(
    Uint8Array.of(0x45, 0, length >> 8, length, 0, 0, IP_DF >> 8, 0, header.ttl, header.protocol, 0, 0),
    parseIp(header.source),
    parseIp(header.destination),
  );
  putU16(bytes, 10, checksumOf(sumWords(bytes, 0, 20)));
  return concat(bytes, payload);
}
