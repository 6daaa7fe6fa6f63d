import { formatIpv6 } from './address.ts';
import { u16 } from './bytes.ts';
import type { Icmpv6Message } from './layer.ts';
import type { Part } from './part.ts';

/** include/uapi/linux/icmpv6.h */
const ICMPV6_MLD2_REPORT = 143;
const ONE_GROUP: Record<number, 'mld-query' | 'mld-report' | 'mld-done'> = {
  130: 'mld-query',
  131: 'mld-report',
  132: 'mld-done',
};

/** The message; undefined when `type` is not one of MLD's; the complaint as text when it is, but broken. */
export function readMld(type: number, part: Part): Icmpv6Message | string | undefined {
  if (type === ICMPV6_MLD2_REPORT) return readReportV2(part);
  const kind = ONE_GROUP[type];
  if (kind === undefined) return undefined;
  if (part.end - part.start < 24) return 'multicast listener message cut short';
  return { kind, groups: [formatIpv6(part.frame, part.start + 8)] };
}

/** RFC 3810 section 5.2: records of type, auxiliary length (in 4 bytes), source count, group, sources, auxiliary data. */
function readReportV2({ frame, start, end }: Part): Icmpv6Message | string {
  const groups: string[] = [];
  let at = start + 8;
  for (let left = u16(frame, start + 6); left > 0; left--) {
    if (end - at < 20) return 'multicast listener record cut short';
    groups.push(formatIpv6(frame, at + 4));
    at += 20 + u16(frame, at + 2) * 16 + frame[at + 1]! * 4;
  }
  return { kind: 'mld-report-v2', groups };
}
