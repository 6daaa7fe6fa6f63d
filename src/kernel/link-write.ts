import { constants } from 'node:os';
import { bornIpv6 } from '#model/born-ipv6.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { HOST_NAMESPACE, kernelKey, type Link } from '#model/kernel-state.ts';
import { NetlinkError, unencodable } from '#netlink/netlink-error.ts';
import { encodeNewLink, encodeSetLink, type LinkRequest } from '#netlink/route/link.ts';
import { isSameLink } from './link.ts';
import { kindOf, linkChanges } from './link-request.ts';
import type { Outbox } from './outbox.ts';
import { readLink } from './read-link.ts';
import { writeSysctl } from './sysctl.ts';
import { sayWhoHas } from './vxlan-holder.ts';

const { EAFNOSUPPORT, EEXIST, EOPNOTSUPP } = constants.errno;

/** Makes or changes a link; `dresses` are the far ends of new pairs (see `peer-dress.ts`). */
export function writeLink(
  out: Outbox,
  op: Exclude<KernelOp, { verb: 'delete' }>,
  wished: Link,
  dresses: ReadonlyMap<string, Link>,
): void {
  const { type } = wished.detail;
  if (op.verb === 'change') changeLink(out, wished, op.was as Link);
  // Born with its port, or with its namespace: "adding" only dresses it.
  else if (type === 'veth-peer' || type === 'loopback') sendChanges(out, wished, {});
  else addLink(out, wished, dresses);
  writeIpv6(out, wished, op.verb === 'change' ? (op.was as Link).ipv6 : bornIpv6(wished));
}

/** `sysctl -w net.ipv6.conf.eth0.disable_ipv6=0`, which netlink cannot. */
function writeIpv6(out: Outbox, { ns, name, ipv6 = {} }: Link, was: Link['ipv6'] = {}): void {
  const settings: Record<string, boolean | undefined> = {
    disable_ipv6: ipv6.disabled === was.disabled ? undefined : ipv6.disabled,
    accept_ra: ipv6.acceptRa === was.acceptRa ? undefined : ipv6.acceptRa,
  };
  for (const [setting, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    out.flush();
    writeSysctl(out.visit(ns).netnsFd, `net/ipv6/conf/${name}/${setting}`, value ? '1' : '0');
  }
}

function changeLink(out: Outbox, wished: Link, was: Link): void {
  if (!isSameLink(was, wished))
    throw new NetlinkError({ errno: EOPNOTSUPP, request: 'RTM_NEWLINK', text: 'it is another kind of link' });
  sendChanges(out, wished, was);
}

function sendChanges(out: Outbox, wished: Link, was: Partial<Link>): void {
  const visit = out.visit(wished.ns);
  for (const change of linkChanges(
    wished,
    was,
    (master) => out.index(visit, master),
    (name) => out.index(out.visit(HOST_NAMESPACE), name),
  ))
    out.send(visit, encodeSetLink(change), (error) => (isQuietAnyway(change, error) ? undefined : error));
}

/** Without IPv6 on the device (EAFNOSUPPORT) no address is made, whatever the mode. */
const isQuietAnyway = ({ addrGenMode }: LinkRequest, { errno }: NetlinkError): boolean =>
  addrGenMode !== undefined && errno === EAFNOSUPPORT;

/** The device first, then what the kernel does not take in the message that creates it. */
function addLink(out: Outbox, wished: Link, dresses: ReadonlyMap<string, Link>): void {
  const visit = out.visit(wished.ns);
  const { name, mac, mtu, group, detail, master } = wished;
  // Without its bridge nothing is made: half a port would be in the way of the next attempt.
  if (master) out.index(visit, master);
  const request: LinkRequest = { name, mac, group, ...kindOf(detail) };
  // A bridge's MTU counts as chosen, and stays when ports come and go, only if it is set afterwards.
  if (detail.type !== 'bridge') request.mtu = mtu;
  if (detail.type === 'veth')
    Object.assign(request, ONE_QUEUE, { peer: peerRequest(out, detail.peer, dresses) });
  if (detail.type === 'macvlan') {
    request.macvlan = { mode: detail.mode };
    request.link = out.index(visit, detail.parent);
  }
  if (detail.type === 'other') throw unencodable(`a "${detail.linkKind}" is not made here`);
  const settle = (error: NetlinkError) => settleExisting(out, wished, error);
  if (detail.type === 'vxlan') {
    // Made from the host's namespace straight into its own, so that its UDP socket is the host's:
    // `ip link add vxlan0 netns weft-… type vxlan id …`.
    request.netnsFd = visit.netnsFd;
    const { remote, device } = detail;
    if (remote)
      request.vxlan = { ...request.vxlan, remote, link: out.index(out.visit(HOST_NAMESPACE), device ?? '') };
    const host = out.visit(HOST_NAMESPACE);
    out.send(host, encodeNewLink(request), (error) => {
      const left = settle(error);
      return left && sayWhoHas(detail, host, left);
    });
  } else if (detail.type === 'veth' && detail.peer?.ns === HOST_NAMESPACE) {
    // From there, too: `ip link add p… netns weft-… type veth peer name wfe…`; its own namespace has no name to give.
    request.netnsFd = visit.netnsFd;
    out.send(out.visit(HOST_NAMESPACE), encodeNewLink(request), settle);
  } else out.send(visit, encodeNewLink(request), settle);
  sendChanges(out, wished, { mac, group, detail, mtu: request.mtu, master: '', up: false, arp: true });
}

/** A veth hands frames on without queueing; one queue per CPU, the kernel's default, is memory and time for nothing. */
const ONE_QUEUE = { txQueues: 1, rxQueues: 1 };

/** `… peer name eth0 netns CONTAINER address 02:… mtu 1450`: born in place, named and dressed, but not up yet. */
function peerRequest(
  out: Outbox,
  peer: { readonly ns: string; readonly name: string } | undefined,
  dresses: ReadonlyMap<string, Link>,
): LinkRequest {
  if (!peer) throw unencodable('a veth is made with both its ends');
  const bare: Link = { kind: 'link', ...peer, up: false, detail: { type: 'other', linkKind: 'veth' } };
  const { mac, mtu, group } = dresses.get(kernelKey(bare)) ?? {};
  return { name: peer.name, netnsFd: out.visit(peer.ns).netnsFd, mac, mtu, group, ...ONE_QUEUE };
}

/** The name is taken: if by the wished link, what differs is changed; if by another, the kernel's EEXIST stands. */
function settleExisting(out: Outbox, wished: Link, error: NetlinkError): NetlinkError | undefined {
  if (error.errno !== EEXIST) return error;
  const visit = out.visit(wished.ns);
  const there = readLink(out, wished);
  if (!there || !isSameLink(there, wished)) return error;
  const changes = linkChanges(
    wished,
    there,
    (master) => visit.indexOf(master),
    (device) => out.visit(HOST_NAMESPACE).indexOf(device),
  );
  const outcomes = visit.conversation.batch(changes.map(encodeSetLink));
  return outcomes.find((outcome, i) => outcome && !isQuietAnyway(changes[i]!, outcome));
}
