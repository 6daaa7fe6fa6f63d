import { u16 } from './bytes.ts';
import { verifyPseudoChecksum } from './checksum.ts';
import { IPPROTO_UDP } from './ip-protocol.ts';
import { malformed, type Part, type Reading, read, tooShort } from './part.ts';

/** RFC 768, 8 bytes. */
export function readUdp(part: Part): Reading {
  const short = tooShort(part, 'udp', 8);
  if (short) return short;
  const { frame, start } = part;
  // 0 in super-packets above 64 KiB, as in IP.
  const length = u16(frame, start + 4) || part.end - start;
  if (length < 8) return malformed(part, 'udp', `length ${length}`);
  const end = start + length;
  const checksum = u16(frame, start + 6);
  const covered = { ...part, end: Math.min(end, part.end), complete: part.complete && end <= part.end };
  return read(
    {
      layer: 'udp',
      sourcePort: u16(frame, start),
      destinationPort: u16(frame, start + 2),
      length,
      checksum,
      checksumState: checksum === 0 ? 'none' : verifyPseudoChecksum(covered, IPPROTO_UDP, checksum),
      start,
      end: start + 8,
    },
    { protocol: 'payload', end },
  );
}
