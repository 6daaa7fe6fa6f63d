import { constants } from 'node:os';
import { type Cidr, cidrFamily, ipOf, prefixLengthOf } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { NamespaceName, Route } from '#model/kernel-state.ts';
import type { Conversation } from '#netlink/conversation.ts';
import { AF_INET, AF_INET6 } from '#netlink/ip-text.ts';
import type { NetlinkError } from '#netlink/netlink-error.ts';
import {
  decodeRoute,
  encodeDeleteRoute,
  encodeDumpRoutes,
  encodeNewRoute,
  type Route as NetlinkRoute,
  type RouteRequest,
  RT_TABLE,
  RTN,
  RTPROT,
} from '#netlink/route/route.ts';
import type { Outbox } from './outbox.ts';
import type { Visit } from './visit.ts';

/** The main table, both families: what leads to one place by one way. */
export const dumpMainRoutes = (conversation: Conversation): NetlinkRoute[] =>
  conversation
    .dump(encodeDumpRoutes({ table: RT_TABLE.MAIN }), decodeRoute)
    .filter(
      ({ family, type, table }) => FAMILIES.has(family) && type === RTN.UNICAST && table === RT_TABLE.MAIN,
    );
/** MPLS tells its labels in the same words (mpls_dump_route() in net/mpls/af_mpls.c), and they are no addresses. */
const FAMILIES: ReadonlySet<number> = new Set([AF_INET, AF_INET6]);

/** `proto kernel`: follows from an address, and is nobody's wish. */
export const isKernelsRoute = ({ protocol }: NetlinkRoute): boolean => protocol === RTPROT.KERNEL;

/** Not for some sources or types of service alone: those are strangers', and no write of ours means them. */
export const isForAllPackets = ({ tos, sourceLength }: NetlinkRoute): boolean =>
  tos === 0 && sourceLength === 0;

export const destinationOf = ({ family, dst, dstLength }: NetlinkRoute): Cidr =>
  `${dst ?? (family === AF_INET ? '0.0.0.0' : '::')}/${dstLength}` as Cidr;

/** `default via 10.1.0.1 dev eth0 proto 119`, as `ip route show` has it. */
export const routeFrom = (ns: NamespaceName, dev: string, row: NetlinkRoute): Route => ({
  kind: 'route',
  ns,
  destination: destinationOf(row),
  via: row.gateway as Ip | undefined,
  dev,
  protocol: row.protocol,
  ...metricFrom(row),
});

/** The kernel's own choice is none in IPv4, and 1024 in IPv6 (IP6_RT_PRIO_USER, linux/ipv6_route.h). */
const metricFrom = ({ family, priority = 0 }: NetlinkRoute): Pick<Route, 'metric'> =>
  priority === (family === AF_INET ? 0 : 1024) ? {} : { metric: priority };

/** `ip route add default via 10.1.0.1 dev eth0 proto 119` */
export function writeRoute(out: Outbox, verb: KernelOp['verb'], wished: Route): void {
  const visit = out.visit(wished.ns);
  const dstLength = prefixLengthOf(wished.destination);
  const request: RouteRequest = {
    family: cidrFamily(wished.destination) === 4 ? AF_INET : AF_INET6,
    dst: dstLength === 0 ? undefined : ipOf(wished.destination),
    dstLength,
    oif: out.index(visit, wished.dev),
    gateway: wished.via,
    protocol: wished.protocol,
    priority: wished.metric,
  };
  if (verb === 'delete') out.send(visit, encodeDeleteRoute(request));
  else if (verb === 'change') out.send(visit, encodeNewRoute(request, 'replace'));
  else out.send(visit, encodeNewRoute(request, 'add'), (error) => settle(visit, request, wished, error));
}

/** A route of the same maker is replaced; another's to the same destination stays, and is the answer. */
function settle(visit: Visit, request: RouteRequest, wished: Route, error: NetlinkError) {
  if (error.errno !== constants.errno.EEXIST) return error;
  const maker = wished.protocol ?? RTPROT.BOOT;
  const ours = dumpMainRoutes(visit.conversation).some(
    (row) =>
      isForAllPackets(row) &&
      row.protocol === maker &&
      destinationOf(row) === wished.destination &&
      metricFrom(row).metric === wished.metric,
  );
  return ours ? visit.conversation.batch([encodeNewRoute(request, 'replace')])[0] : error;
}
