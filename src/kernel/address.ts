import { constants } from 'node:os';
import {
  type Cidr,
  cidrFamily,
  cidrOf,
  type InterfaceAddress,
  interfaceAddress,
  ipOf,
  prefixLengthOf,
} from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { Address, NamespaceName } from '#model/kernel-state.ts';
import type { NetlinkError } from '#netlink/netlink-error.ts';
import {
  type AddressRequest,
  decodeAddress,
  encodeDeleteAddress,
  encodeDumpAddresses,
  encodeNewAddress,
  IFA_F,
  type Address as NetlinkAddress,
} from '#netlink/route/address.ts';
import { encodeNewRoute, type RouteRequest, RTPROT } from '#netlink/route/route.ts';
import type { Outbox } from './outbox.ts';
import type { Visit } from './visit.ts';

/** `inet 10.1.0.5/24 … eth0`, as `ip addr show` has it. */
export const addressFrom = (
  ns: NamespaceName,
  dev: string,
  row: NetlinkAddress,
  isRouted: (subnet: Cidr) => boolean = () => true,
): Address => ({
  kind: 'address',
  ns,
  dev,
  address: addressOf(row),
  nodad: row.address.includes(':') ? (row.flags & IFA_F.NODAD) !== 0 : undefined,
  ...(isAlone(row) || isRouted(subnetOf(addressOf(row))) ? {} : { unrouted: true }),
  ...(row.flags & IFA_F.PERMANENT ? {} : { expires: true }),
});

/** An address without a subnet: the kernel makes no route with it. */
const isAlone = ({ address, prefixLength }: NetlinkAddress): boolean =>
  prefixLength === (address.includes(':') ? 128 : 32);

const subnetOf = (address: InterfaceAddress): Cidr => cidrOf(ipOf(address), prefixLengthOf(address));

const addressOf = ({ address, prefixLength }: NetlinkAddress): InterfaceAddress =>
  interfaceAddress(address as Ip, prefixLength);

/** `ip addr add fd00::5/64 dev eth0 nodad` */
export function writeAddress(out: Outbox, op: KernelOp, wished: Address): void {
  const { verb } = op;
  const visit = out.visit(wished.ns);
  const request: AddressRequest = {
    ifindex: out.index(visit, wished.dev),
    address: ipOf(wished.address),
    prefixLength: prefixLengthOf(wished.address),
    flags: wished.nodad ? IFA_F.NODAD : undefined,
  };
  if (verb === 'delete')
    out.send(visit, encodeDeleteAddress(request), (error) => deleteWithPeer(visit, request, error));
  else if (op.verb === 'change') {
    out.send(visit, encodeNewAddress(request, 'replace'));
    // Behind another's, as the kernel's own: refused, it would be missed at every look.
    if ((op.was as Address).unrouted) out.send(visit, encodeNewRoute(subnetRoute(request), 'append'), routed);
  } else out.send(visit, encodeNewAddress(request, 'add'), (error) => settle(visit, request, wished, error));
}

/** IPv4 knows an address by its peer, too, where that is in another subnet. */
function deleteWithPeer({ conversation }: Visit, request: AddressRequest, error: NetlinkError) {
  if (error.errno !== constants.errno.EADDRNOTAVAIL) return error;
  const { ifindex, address, prefixLength } = request;
  const there = conversation
    .dump(encodeDumpAddresses({ ifindex }), decodeAddress)
    .find((row) => row.ifindex === ifindex && row.address === address && row.prefixLength === prefixLength);
  if (!there?.peer) return error;
  return conversation.batch([encodeDeleteAddress({ ...request, peer: there.peer })])[0];
}

/** As the kernel made it with the address; with the address it goes. */
const subnetRoute = ({ ifindex, address, prefixLength }: AddressRequest): RouteRequest => ({
  ...{ dst: ipOf(subnetOf(interfaceAddress(address as Ip, prefixLength!))), dstLength: prefixLength },
  ...{ oif: ifindex, protocol: RTPROT.KERNEL },
  ...(address.includes(':') ? { priority: IP6_RT_PRIO_ADDRCONF } : { prefSource: address }),
});

/** linux/ipv6_route.h */
const IP6_RT_PRIO_ADDRCONF = 256;

/** A link that came up has its routes again. */
const routed = (error: NetlinkError): NetlinkError | undefined =>
  error.errno === constants.errno.EEXIST ? undefined : error;

/** IPv6 knows an address by itself alone: what is there may have another prefix length, and then has to go first. */
function settle(visit: Visit, request: AddressRequest, wished: Address, error: NetlinkError) {
  if (error.errno !== constants.errno.EEXIST || cidrFamily(wished.address) === 4)
    return error.errno === constants.errno.EEXIST ? undefined : error;
  const { ifindex, address } = request;
  const there = visit.conversation
    .dump(encodeDumpAddresses({ ifindex }), decodeAddress)
    .find((row) => row.address === address);
  const stale = there && addressOf(there) !== wished.address;
  const requests = [encodeNewAddress(request, 'replace')];
  if (stale) requests.unshift(encodeDeleteAddress({ ...request, prefixLength: there.prefixLength }));
  return visit.conversation.batch(requests).find((outcome) => outcome !== undefined);
}
