import { u16, u32 } from './bytes.ts';
import { verifyPseudoChecksum } from './checksum.ts';
import { IPPROTO_ICMPV6 } from './ip-protocol.ts';
import type { Icmpv6Message } from './layer.ts';
import { readMld } from './mld.ts';
import { readNeighbourDiscovery } from './neighbour-discovery.ts';
import { malformed, type Part, type Reading, read, tooShort } from './part.ts';

/** include/uapi/linux/icmpv6.h */
const ICMPV6_DEST_UNREACH = 1;
const ICMPV6_PKT_TOOBIG = 2;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;

/**
 * RFC 4443, 4861 (ND), 2710 and 3810 (MLD). Echo and errors: the 8-byte header, data follows as payload. ND and
 * MLD: the whole message is one layer.
 */
export function readIcmpv6(part: Part): Reading {
  const short = tooShort(part, 'icmpv6', 8);
  if (short) return short;
  const { frame, start } = part;
  const type = frame[start]!;
  const whole = readNeighbourDiscovery(type, part) ?? readMld(type, part);
  if (typeof whole === 'string') return malformed(part, 'icmpv6', whole);
  const checksum = u16(frame, start + 2);
  return read(
    {
      layer: 'icmpv6',
      type,
      code: frame[start + 1]!,
      length: part.end - start,
      checksum,
      checksumState: verifyPseudoChecksum(part, IPPROTO_ICMPV6, checksum),
      message: whole ?? headerMessage(type, part),
      start,
      end: whole ? part.end : start + 8,
    },
    { protocol: 'payload', end: part.end },
  );
}

function headerMessage(type: number, { frame, start }: Part): Icmpv6Message {
  if (type === ICMPV6_DEST_UNREACH) return { kind: 'unreachable' };
  if (type === ICMPV6_PKT_TOOBIG) return { kind: 'packet-too-big', mtu: u32(frame, start + 4) };
  if (type !== ICMPV6_ECHO_REQUEST && type !== ICMPV6_ECHO_REPLY) return { kind: 'other' };
  const kind = type === ICMPV6_ECHO_REQUEST ? 'echo-request' : 'echo-reply';
  return { kind, id: u16(frame, start + 4), sequence: u16(frame, start + 6) };
}
