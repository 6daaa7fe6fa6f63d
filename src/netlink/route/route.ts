import { defineFields, field, ip, nest, readFields, u32, type ValuesOf, writeFields } from '../attributes.ts';
import { AF_INET, familyOf } from '../ip-text.ts';
import { type Message, NLM_F, type Request, RTM, requireBody } from '../message.ts';
import { writer } from '../message-writer.ts';
import { RT_SCOPE } from './address.ts';

/** struct rtmsg, linux/rtnetlink.h: u8 family, dst_len, src_len, tos, table, protocol, scope, type, u32 flags @8. */
const RTMSG_BYTES = 12;

/** linux/rtnetlink.h: RTN_*, what happens to a packet that matches. */
export const RTN = {
  UNICAST: 1,
  LOCAL: 2,
  BROADCAST: 3,
  ANYCAST: 4,
  MULTICAST: 5,
  BLACKHOLE: 6,
  UNREACHABLE: 7,
  PROHIBIT: 8,
  THROW: 9,
} as const;
/** linux/rtnetlink.h: RTPROT_*, who made the route. */
export const RTPROT = { KERNEL: 2, BOOT: 3, STATIC: 4, RA: 9 } as const;
/** linux/rtnetlink.h: RT_TABLE_* */
export const RT_TABLE = { UNSPEC: 0, DEFAULT: 253, MAIN: 254, LOCAL: 255 } as const;
/** linux/rtnetlink.h: asks a lookup for the table it ended in. */
const RTM_F_LOOKUP_TABLE = 0x1000;
/** linux/rtnetlink.h: RTNH_F_*, also in rtm_flags. */
export const RTNH_F = { DEAD: 1, ONLINK: 4, LINKDOWN: 16 } as const;

/** RTAX_*, linux/rtnetlink.h */
const metricFields = defineFields({ mtu: field(2, u32), advmss: field(8, u32) });

/** RTA_*, linux/rtnetlink.h */
const routeFields = defineFields({
  dst: field(1, ip),
  source: field(2, ip),
  table: field(15, u32),
  gateway: field(5, ip),
  prefSource: field(7, ip),
  metrics: field(8, nest(metricFields)),
  /** Ifindex of the outgoing device. */
  oif: field(4, u32),
  priority: field(6, u32),
});
type RouteValues = ValuesOf<typeof routeFields.table>;

/**
 * `ip route add 10.1.0.0/16 via 10.0.0.1 dev eth0`; without `dst` the default route:
 * `ip route add default via 10.0.0.1`. A family needs a dst or a gateway to be known by, or to be given.
 */
export interface RouteRequest extends Omit<RouteValues, 'source'> {
  family?: number;
  /** Default: all bits of `dst`, or 0 without it. */
  dstLength?: number;
  protocol?: number;
  /** Default: link for IPv4 unicast without gateway, else universe. */
  scope?: number;
  /** RTN_*; default unicast. */
  type?: number;
  /** RTNH_F_* bits. */
  flags?: number;
}

export interface Route extends RouteValues {
  family: number;
  dstLength: number;
  sourceLength: number;
  /** Of IPv4: it is for packets of this type of service only. */
  tos: number;
  table: number;
  protocol: number;
  scope: number;
  type: number;
  flags: number;
}

/**
 * `add` refuses a route with the same destination, metric and table (EEXIST), `replace` takes its place, `append` goes
 * behind it (EEXIST only when it is the same).
 */
export function encodeNewRoute(route: RouteRequest, mode: 'add' | 'append' | 'replace'): Request {
  const how = { add: NLM_F.EXCL, append: NLM_F.APPEND, replace: NLM_F.REPLACE }[mode];
  return encode(RTM.NEWROUTE, NLM_F.REQUEST | NLM_F.CREATE | how, route, RTPROT.BOOT);
}

/** ESRCH when absent. What is not given matches anything: give the protocol to spare others' routes. */
export function encodeDeleteRoute(route: RouteRequest): Request {
  return encode(RTM.DELROUTE, NLM_F.REQUEST, { scope: RT_SCOPE.NOWHERE, type: 0, ...route }, 0);
}

/** `ip route show table all`, or that of one family, table, protocol or device. */
export function encodeDumpRoutes(
  only: { family?: number; table?: number; protocol?: number; oif?: number } = {},
): Request {
  const body = writer.start(RTM.GETROUTE, NLM_F.REQUEST | NLM_F.DUMP, RTMSG_BYTES);
  writer.bytes[body] = only.family ?? 0;
  writer.bytes[body + 5] = only.protocol ?? 0;
  writeFields(writer, routeFields, { table: only.table, oif: only.oif });
  return writer.finish();
}

/** `ip route get 192.0.2.1`: the route that a packet would take, with its source address. ENETUNREACH without one. */
export function encodeGetRoute(dst: string): Request {
  const body = writer.start(RTM.GETROUTE, NLM_F.REQUEST, RTMSG_BYTES);
  writer.bytes[body] = familyOf(dst);
  writer.bytes[body + 1] = familyOf(dst) === AF_INET ? 32 : 128;
  // IPv6 tells the true table unasked, and refuses the flag in strict mode ("Invalid flags for get route request").
  if (familyOf(dst) === AF_INET) writer.bytes.writeUInt32LE(RTM_F_LOOKUP_TABLE, body + 8);
  writeFields(writer, routeFields, { dst });
  return writer.finish();
}

/** Reads RTM_NEWROUTE and RTM_DELROUTE. */
export function decodeRoute(message: Message): Route {
  const body = requireBody(message, RTMSG_BYTES);
  const values = readFields(routeFields, body, RTMSG_BYTES, body.length);
  return {
    ...values,
    family: body[0]!,
    dstLength: body[1]!,
    sourceLength: body[2]!,
    tos: body[3]!,
    table: values.table ?? body[4]!,
    protocol: body[5]!,
    scope: body[6]!,
    type: body[7]!,
    flags: body.readUInt32LE(8),
  };
}

function encode(type: number, headerFlags: number, route: RouteRequest, defaultProtocol: number): Request {
  const family = route.family ?? familyOf(route.dst ?? route.gateway ?? '');
  const { table = RT_TABLE.MAIN, type: kind = RTN.UNICAST } = route;
  const linkScope = family === AF_INET && kind === RTN.UNICAST && route.gateway === undefined;
  const body = writer.start(type, headerFlags, RTMSG_BYTES);
  writer.bytes[body] = family;
  writer.bytes[body + 1] = route.dstLength ?? (route.dst === undefined ? 0 : family === AF_INET ? 32 : 128);
  writer.bytes[body + 4] = table > 0xff ? RT_TABLE.UNSPEC : table;
  writer.bytes[body + 5] = route.protocol ?? defaultProtocol;
  writer.bytes[body + 6] = route.scope ?? (linkScope ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE);
  writer.bytes[body + 7] = kind;
  writer.bytes.writeUInt32LE(route.flags ?? 0, body + 8);
  writeFields(writer, routeFields, { ...route, table: table > 0xff ? table : undefined });
  return writer.finish();
}
