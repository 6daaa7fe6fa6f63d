import { formatIpv6, formatMac, parseIp, parseMac } from './address.ts';
import { concat, u16, u32 } from './bytes.ts';
import type { Icmpv6Message } from './layer.ts';
import type { Part } from './part.ts';

/** include/net/ndisc.h */
const NDISC_ROUTER_SOLICITATION = 133;
const NDISC_ROUTER_ADVERTISEMENT = 134;
const NDISC_NEIGHBOUR_SOLICITATION = 135;
const NDISC_NEIGHBOUR_ADVERTISEMENT = 136;
const ND_OPT_SOURCE_LL_ADDR = 1;
const ND_OPT_TARGET_LL_ADDR = 2;
const ND_OPT_MTU = 5;

/** RFC 4861 section 4.4 */
const FLAG_ROUTER = 0x80;
const FLAG_SOLICITED = 0x40;
const FLAG_OVERRIDE = 0x20;

/** Bytes before the options. */
const FIXED_LENGTH: Record<number, number> = {
  [NDISC_ROUTER_SOLICITATION]: 8,
  [NDISC_ROUTER_ADVERTISEMENT]: 16,
  [NDISC_NEIGHBOUR_SOLICITATION]: 24,
  [NDISC_NEIGHBOUR_ADVERTISEMENT]: 24,
};

/** The message; undefined when `type` is not one of ND's; the complaint as text when it is, but broken. */
export function readNeighbourDiscovery(type: number, part: Part): Icmpv6Message | string | undefined {
  const fixed = FIXED_LENGTH[type];
  if (fixed === undefined) return undefined;
  const { frame, start, end } = part;
  if (end - start < fixed) return `neighbour discovery ${type} cut short`;
  const options = readOptions(frame, start + fixed, end);
  if (typeof options === 'string') return options;

  if (type === NDISC_ROUTER_SOLICITATION)
    return { kind: 'router-solicitation', sourceMac: options.sourceMac };
  if (type === NDISC_ROUTER_ADVERTISEMENT) {
    const { sourceMac, mtu } = options;
    const lifetimeSeconds = u16(frame, start + 6);
    return { kind: 'router-advertisement', hopLimit: frame[start + 4]!, lifetimeSeconds, sourceMac, mtu };
  }
  const target = formatIpv6(frame, start + 8);
  if (type === NDISC_NEIGHBOUR_SOLICITATION) {
    return { kind: 'neighbour-solicitation', target, sourceMac: options.sourceMac };
  }
  const flags = frame[start + 4]!;
  return {
    kind: 'neighbour-advertisement',
    target,
    targetMac: options.targetMac,
    router: (flags & FLAG_ROUTER) !== 0,
    solicited: (flags & FLAG_SOLICITED) !== 0,
    override: (flags & FLAG_OVERRIDE) !== 0,
  };
}

interface Options {
  sourceMac?: string;
  targetMac?: string;
  mtu?: number;
}

/** Type, length in units of 8 bytes, value. The kernel drops a message with an option of length 0; we call it broken. */
function readOptions(frame: Uint8Array, start: number, end: number): Options | string {
  const options: Options = {};
  let at = start;
  while (at < end) {
    const length = end - at < 8 ? 0 : frame[at + 1]! * 8;
    if (length === 0 || at + length > end) return 'neighbour discovery option cut short';
    if (frame[at] === ND_OPT_SOURCE_LL_ADDR) options.sourceMac = formatMac(frame, at + 2);
    if (frame[at] === ND_OPT_TARGET_LL_ADDR) options.targetMac = formatMac(frame, at + 2);
    if (frame[at] === ND_OPT_MTU) options.mtu = u32(frame, at + 4);
    at += length;
  }
  return options;
}

/** The ICMPv6 message, its checksum still zero. Override is set: the sender speaks for the address's owner. */
export function encodeAdvertisement(answer: {
  target: string;
  mac: string;
  solicited: boolean;
}): Uint8Array<ArrayBuffer> {
  const flags = FLAG_OVERRIDE | (answer.solicited ? FLAG_SOLICITED : 0);
  return concat(
    Uint8Array.of(NDISC_NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0),
    parseIp(answer.target),
    Uint8Array.of(ND_OPT_TARGET_LL_ADDR, 1),
    parseMac(answer.mac),
  );
}
