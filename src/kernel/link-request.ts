import { familyOf, type Ip } from '#model/ip.ts';
import type { BridgeDetail, BridgePort, Link, LinkDetail, VxlanDetail } from '#model/kernel-state.ts';
import { BR_STATE, type BridgePort as NetlinkPort } from '#netlink/route/bridge-port.ts';
import type { LinkRequest } from '#netlink/route/link.ts';
import type { Bridge, Vxlan } from '#netlink/route/link-kind.ts';

/** What of a wished link differs from what is there: the changes to send, in order. */
export function linkChanges(
  wished: Link,
  was: Partial<Link>,
  masterIndex: (name: string) => number,
  hostIndex: (name: string) => number,
): LinkRequest[] {
  const { name, up, port } = wished;
  const basics: LinkRequest = {
    name,
    mtu: changed(wished.mtu, was.mtu),
    mac: changed(wished.mac, was.mac),
    group: changed(wished.group, was.group),
  };
  const { master, addrGenMode } = wished;
  if (master !== undefined && master !== was.master) basics.master = master === '' ? 0 : masterIndex(master);
  // Not with `up`: the kernel sets a device up before it heeds addr_gen_mode in the same message.
  const quiet: LinkRequest = { name };
  if (addrGenMode !== 'other' && addrGenMode !== was.addrGenMode) quiet.addrGenMode = addrGenMode;
  // A link that joins a bridge gets the bridge's flags for new ports, whatever they were before.
  const portWas = basics.master === undefined ? was.port : undefined;
  const last: LinkRequest = { name, arp: changed(wished.arp, was.arp) };
  if (port && !isSamePort(port, portWas)) last.port = portRequest(port, portWas);
  if (up !== was.up) last.up = up;
  // Not with `mtu`: a VXLAN device takes that for a change of kind and refuses it.
  const detail: LinkRequest = { name, ...detailChange(wished.detail, was.detail) };
  return [detail, ...groupChange(wished, was, hostIndex), basics, quiet, last].filter(isNeeded);
}

/**
 * The kernel makes its all-zero row only for another group than before: the old one goes first, so that the row is
 * made also after somebody deleted it, and by a new interface (vxlan_changelink() in vxlan_core.c).
 */
function groupChange(
  { name, detail }: Link,
  { detail: was }: Partial<Link>,
  hostIndex: (name: string) => number,
): LinkRequest[] {
  if (detail.type !== 'vxlan' || was?.type !== 'vxlan' || detail.remote === undefined) return [];
  const { remote, device = '', local } = detail;
  if (remote === was.remote && (remote === '' || device === was.device)) return [];
  const none: LinkRequest = { name, kind: 'vxlan', vxlan: { remote: anyOf(local) } };
  if (remote === '') return [none];
  return [none, { name, kind: 'vxlan', vxlan: { remote, link: hostIndex(device) } }];
}

const anyOf = (ip: Ip): string => (familyOf(ip) === 4 ? '0.0.0.0' : '::');

const changed = <T>(wished: T | undefined, was: T | undefined): T | undefined =>
  wished === was ? undefined : wished;

const isNeeded = ({ name: _, ...rest }: LinkRequest): boolean =>
  Object.values(rest).some((value) => value !== undefined);

const isSamePort = (wished: Partial<BridgePort>, was: Partial<BridgePort> | undefined): boolean =>
  was !== undefined &&
  (Object.keys(wished) as (keyof BridgePort)[]).every((flag) => wished[flag] === was[flag]);

/** Only what differs: of a live VXLAN device the kernel refuses even its own UDP port. */
function detailChange(wished: LinkDetail, was: LinkDetail | undefined): Partial<LinkRequest> {
  if (wished.type === 'bridge' && was?.type === 'bridge') {
    if (wished.stp === was.stp && wished.multicastSnooping === was.multicastSnooping) return {};
    return { kind: 'bridge', bridge: bridgeRequest(wished) };
  }
  if (wished.type !== 'vxlan' || was?.type !== 'vxlan') return {};
  const all = vxlanRequest(wished);
  const old = vxlanRequest(was);
  const entries = Object.entries(all).filter(([field, value]) => value !== old[field as keyof Vxlan]);
  return entries.length === 0 ? {} : { kind: 'vxlan', vxlan: Object.fromEntries(entries) };
}

/** The kind of a new device and its own attributes. */
export function kindOf(detail: LinkDetail): Pick<LinkRequest, 'kind' | 'vxlan' | 'bridge'> {
  if (detail.type === 'vxlan') return { kind: 'vxlan', vxlan: vxlanRequest(detail) };
  // With a delay, though without STP, each port is told of once more when that is over: an event about nothing.
  if (detail.type === 'bridge')
    return { kind: 'bridge', bridge: { ...bridgeRequest(detail), forwardDelay: 0 } };
  return { kind: detail.type };
}

const bridgeRequest = ({ stp, multicastSnooping }: BridgeDetail): Bridge => ({
  stp: stp ? 1 : 0,
  mcastSnooping: multicastSnooping,
});

const vxlanRequest = ({ vni, port, local, ttl, learning, proxy, l2miss, l3miss }: VxlanDetail): Vxlan => ({
  id: vni,
  local,
  ttl,
  learning,
  proxy,
  l2miss,
  l3miss,
  port,
});

const portRequest = (port: Partial<BridgePort>, was: Partial<BridgePort> | undefined): NetlinkPort => ({
  hairpin: port.hairpin,
  learning: port.learning,
  unicastFlood: port.unicastFlood,
  mcastFlood: port.multicastFlood,
  bcastFlood: port.broadcastFlood,
  neighSuppress: port.neighSuppress,
  isolated: port.isolated,
  locked: port.locked,
  // A port that is not up yet is made forwarding by the bridge; asked for, it is refused.
  state:
    !was || port.forwarding === undefined || was.forwarding === port.forwarding
      ? undefined
      : port.forwarding
        ? BR_STATE.FORWARDING
        : BR_STATE.DISABLED,
});
