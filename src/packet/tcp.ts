import { u16, u32 } from './bytes.ts';
import { verifyPseudoChecksum } from './checksum.ts';
import { IPPROTO_TCP } from './ip-protocol.ts';
import { malformed, type Part, type Reading, read, tooShort } from './part.ts';

/** tcpdump's letters in tcpdump's order (print-tcp.c), with the bits of RFC 9293. */
const FLAG_LETTERS: [letter: string, bit: number][] = [
  ['F', 0x01],
  ['S', 0x02],
  ['R', 0x04],
  ['P', 0x08],
  ['.', 0x10],
  ['U', 0x20],
  ['E', 0x40],
  ['W', 0x80],
];

/** The fixed header; options belong to the layer's span and are not read. */
export function readTcp(part: Part): Reading {
  const short = tooShort(part, 'tcp', 20);
  if (short) return short;
  const { frame, start } = part;
  const headerLength = (frame[start + 12]! >> 4) * 4;
  if (headerLength < 20) return malformed(part, 'tcp', `header length ${headerLength}`);
  const shortOptions = tooShort(part, 'tcp', headerLength);
  if (shortOptions) return shortOptions;
  const end = start + headerLength;
  const bits = frame[start + 13]!;
  const checksum = u16(frame, start + 16);
  return read(
    {
      layer: 'tcp',
      sourcePort: u16(frame, start),
      destinationPort: u16(frame, start + 2),
      sequence: u32(frame, start + 4),
      acknowledgement: u32(frame, start + 8),
      flags:
        FLAG_LETTERS.filter(([, bit]) => bits & bit)
          .map(([letter]) => letter)
          .join('') || 'none',
      window: u16(frame, start + 14),
      length: part.end - end,
      checksum,
      checksumState: verifyPseudoChecksum(part, IPPROTO_TCP, checksum),
      start,
      end,
    },
    { protocol: 'payload', end: part.end },
  );
}
