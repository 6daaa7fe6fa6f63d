import { u24 } from './bytes.ts';
import { type Part, type Reading, read, tooShort } from './part.ts';

/** IANA's port, and Weft's default; Linux's own default is 8472. */
export const VXLAN_PORT = 4789;
/** RFC 7348 section 5: the VNI is valid. */
const VXLAN_FLAG_I = 0x08;

/** RFC 7348, 8 bytes: flags, 24 reserved bits, VNI, 8 reserved bits. Without the I flag nothing inside is read. */
export function readVxlan(part: Part): Reading {
  const short = tooShort(part, 'vxlan', 8);
  if (short) return short;
  const { frame, start } = part;
  const flags = frame[start]!;
  const vniValid = (flags & VXLAN_FLAG_I) !== 0;
  return read(
    { layer: 'vxlan', flags, vniValid, vni: u24(frame, start + 4), start, end: start + 8 },
    { protocol: vniValid ? 'ethernet' : 'payload', end: part.end },
  );
}
