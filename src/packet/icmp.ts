import { putU16, u16 } from './bytes.ts';
import { checksumOf, sumWords, verifyChecksum } from './checksum.ts';
import type { IcmpMessage } from './layer.ts';
import { type Part, type Reading, read, tooShort } from './part.ts';

/** include/uapi/linux/icmp.h */
export const ICMP_ECHOREPLY = 0;
export const ICMP_ECHO = 8;
const ICMP_DEST_UNREACH = 3;
const ICMP_FRAG_NEEDED = 4;

/** RFC 792: the 8-byte header; echo data and the packet that an error quotes follow as payload. */
export function readIcmp(part: Part): Reading {
  const short = tooShort(part, 'icmp', 8);
  if (short) return short;
  const { frame, start } = part;
  const type = frame[start]!;
  const code = frame[start + 1]!;
  return read(
    {
      layer: 'icmp',
      type,
      code,
      length: part.end - start,
      checksum: u16(frame, start + 2),
      checksumState: verifyChecksum(part),
      message: messageOf(type, code, u16(frame, start + 4), u16(frame, start + 6)),
      start,
      end: start + 8,
    },
    { protocol: 'payload', end: part.end },
  );
}

function messageOf(type: number, code: number, first: number, second: number): IcmpMessage {
  if (type === ICMP_ECHO) return { kind: 'echo-request', id: first, sequence: second };
  if (type === ICMP_ECHOREPLY) return { kind: 'echo-reply', id: first, sequence: second };
  if (type !== ICMP_DEST_UNREACH) return { kind: 'other' };
  return code === ICMP_FRAG_NEEDED ? { kind: 'unreachable', mtu: second } : { kind: 'unreachable' };
}

/** An echo message of either family; the checksum is ICMPv4's, ICMPv6's must still be put in its place. */
export function encodeEcho(
  type: number,
  echo: { id: number; sequence: number; data: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(8 + echo.data.length);
  message[0] = type;
  putU16(message, 4, echo.id);
  putU16(message, 6, echo.sequence);
  message.set(echo.data, 8);
  putU16(message, 2, checksumOf(sumWords(message, 0, message.length)));
  return message;
}
