import type { Ip } from '#model/ip.ts';
import type { BridgePort, Link, LinkDetail, MacvlanDetail, NamespaceName } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import type { Vni } from '#model/vni.ts';
import { BR_STATE, type BridgePort as NetlinkPort } from '#netlink/route/bridge-port.ts';
import { IFF, type Link as NetlinkLink } from '#netlink/route/link.ts';
import type { Vxlan } from '#netlink/route/link-kind.ts';

/** The names of a namespace's devices by index. */
export type LinkNames = ReadonlyMap<number, string>;
/** The devices of a namespace by index. */
export type LinkRows = ReadonlyMap<number, NetlinkLink>;

export const rowsByIndex = (rows: readonly NetlinkLink[]): LinkRows =>
  new Map(rows.map((row) => [row.index, row]));

/**
 * A device as `ip -d link show` has it. Which pair a veth belongs to cannot be told from one namespace alone: its
 * detail is handed in.
 */
export const linkFrom = (ns: NamespaceName, row: NetlinkLink, rows: LinkRows, veth: LinkDetail): Link => ({
  kind: 'link',
  ns,
  name: row.name ?? '',
  up: row.up,
  arp: row.arp,
  mac: row.mac as Mac | undefined,
  mtu: row.mtu,
  master: row.master === undefined ? '' : rows.get(row.master)?.name,
  group: row.group,
  addrGenMode: addrGenModeFrom(row),
  ipv6: row.ipv6 ?? WITHOUT_IPV6,
  detail: row.kind === 'veth' ? veth : detailFrom(row, rows),
  port: row.port && portFrom(row.port, isRunningPort(row, rows)),
});

/** A VXLAN device with the name of the host's interface that it sends to its group by: the number is the host's. */
export function withDevice(
  link: Link,
  { vxlan }: NetlinkLink,
  nameInHost: (index: number) => string | undefined,
): Link {
  if (link.detail.type !== 'vxlan' || !link.detail.remote || !vxlan?.link) return link;
  return { ...link, detail: { ...link.detail, device: nameInHost(vxlan.link) } };
}

const WITHOUT_IPV6 = { disabled: false, acceptRa: false };

/** A device without IPv6 (an MTU below 1280, `ipv6.disable=1`) makes no address either. */
function addrGenModeFrom({ addrGenMode = 'none' }: NetlinkLink): Link['addrGenMode'] {
  return addrGenMode === 'eui64' || addrGenMode === 'none' ? addrGenMode : 'other';
}

function detailFrom(row: NetlinkLink, rows: LinkRows): LinkDetail {
  if (row.flags & IFF.LOOPBACK) return { type: 'loopback' };
  if (row.vxlan) return vxlanFrom(row.vxlan);
  if (row.bridge)
    return {
      type: 'bridge',
      stp: row.bridge.stp !== 0,
      multicastSnooping: row.bridge.mcastSnooping ?? false,
    };
  const mode = row.macvlan?.mode;
  if (mode !== undefined && isMacvlanMode(mode))
    return { type: 'macvlan', parent: rows.get(row.link ?? 0)?.name ?? '', mode };
  return { type: 'other', linkKind: row.kind ?? '' };
}

const isMacvlanMode = (mode: string): mode is MacvlanDetail['mode'] =>
  ['private', 'vepa', 'bridge', 'passthru'].includes(mode);

const vxlanFrom = (vxlan: Vxlan): LinkDetail => ({
  type: 'vxlan',
  vni: (vxlan.id ?? 0) as Vni,
  port: vxlan.port ?? 0,
  // Without one the kernel takes the route's source address.
  local: (vxlan.local ?? '0.0.0.0') as Ip,
  ttl: vxlan.ttl ?? 0,
  remote: (vxlan.remote ?? '') as Ip | '',
  learning: vxlan.learning ?? false,
  proxy: vxlan.proxy ?? false,
  l2miss: vxlan.l2miss ?? false,
  l3miss: vxlan.l3miss ?? false,
});

/** The bridge and the port are up, the port with a carrier that the kernel has taken note of. */
const isRunningPort = ({ flags, master = 0 }: NetlinkLink, rows: LinkRows): boolean =>
  (flags & IFF.RUNNING) !== 0 && (rows.get(master)?.up ?? false);

export const portFrom = (port: NetlinkPort, isRunning: boolean): BridgePort => ({
  learning: port.learning ?? false,
  unicastFlood: port.unicastFlood ?? false,
  multicastFlood: port.mcastFlood ?? false,
  broadcastFlood: port.bcastFlood ?? false,
  hairpin: port.hairpin ?? false,
  neighSuppress: port.neighSuppress ?? false,
  isolated: port.isolated ?? false,
  locked: port.locked ?? false,
  forwarding: port.state === BR_STATE.FORWARDING || !isRunning,
});

/**
 * Whether what is there can be made into the wished link in place, or is it already; not whether all of it may be
 * changed: that the kernel knows.
 */
export function isSameLink({ detail: there }: Link, { detail: wished }: Link): boolean {
  if (there.type !== wished.type || wished.type === 'other') return false;
  if (there.type === 'veth' && wished.type === 'veth')
    return !wished.peer || (there.peer?.ns === wished.peer.ns && there.peer.name === wished.peer.name);
  return true;
}
