import type { Ip } from '#model/ip.ts';
import type { BridgePort, KernelObject, Link, RowTables, VxlanDetail } from '#model/kernel-state.ts';
import { BRIDGE_NAME, tunnelName } from '#model/own.ts';
import type { Host, Network, Tunnel } from '#model/records.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { carriedMtu } from './carried-mtu.ts';
import { KNOWN_PORT } from './port-settings.ts';
import { flood } from './tunnel-flood.ts';
import { multicast } from './tunnel-multicast.ts';
import { onDemand } from './tunnel-on-demand.ts';
import { p2p } from './tunnel-p2p.ts';
import { proxy } from './tunnel-proxy.ts';
import type { PlaceView, RowMaker, TunnelRules } from './tunnel-rules.ts';
import { staticRows } from './tunnel-static.ts';

const MODES: { readonly [M in TunnelMode]: TunnelRules } = {
  p2p,
  multicast,
  flood,
  static: staticRows,
  proxy,
  'on-demand': onDemand,
};

/**
 * While a network changes, its hosts know all that any mode asks for: whichever of the two ways each of them has by
 * then, its frames find every VTEP, and none is lost for want of a row when it goes over.
 */
const EVERY_ROW = proxy.rows;

/** The bridge hands every frame that it knows no port for to the tunnel. */
const TUNNEL_PORT: BridgePort = { ...KNOWN_PORT, unicastFlood: true };

/** Two tunnels in one bridge: what came through one must not leave by the other. Containers hear both. */
const SENDING_PORT: BridgePort = { ...TUNNEL_PORT, isolated: true };
const LISTENING_PORT: BridgePort = {
  ...SENDING_PORT,
  unicastFlood: false,
  multicastFlood: false,
  broadcastFlood: false,
};

/**
 * One VXLAN device; while the UDP port or the VNI on the wire changes two, of which one sends: a host listens with the
 * new one before any sends to it, and with the old one until none does.
 */
export function* tunnelsOf(network: Network): Generator<{ tunnel: Tunnel; port: BridgePort }> {
  const other = network.change?.other;
  const beside = other !== undefined && !isOfDevice(other, network);
  yield { tunnel: network, port: beside ? SENDING_PORT : TUNNEL_PORT };
  if (beside) yield { tunnel: other, port: LISTENING_PORT };
}

const isOfDevice = (tunnel: Tunnel, { device = 0 }: Tunnel): boolean => (tunnel.device ?? 0) === device;

/**
 * The VXLAN devices of a network. None while this host has no VTEP of the underlay's family: its own containers still
 * reach each other over the bridge.
 */
export function* tunnelLinks({ network, vteps, host, ns, nameOf }: PlaceView): Generator<Link> {
  const local = vteps.get(host.id);
  if (!local) return;
  for (const { tunnel, port } of tunnelsOf(network))
    yield {
      kind: 'link',
      ns,
      name: nameOf(tunnel.device),
      up: true,
      mtu: carriedMtu(network),
      master: BRIDGE_NAME,
      arp: true,
      addrGenMode: 'none',
      // Rows of IPv6 neighbours are refused on a device with IPv6 disabled.
      ipv6: { disabled: false },
      detail: {
        type: 'vxlan',
        vni: tunnel.transitVni ?? network.vni,
        port: tunnel.port,
        local,
        ttl: tunnel.ttl,
        ...groupOf(tunnel, network, host, local),
        ...MODES[tunnel.mode].flags,
      },
      port,
    };
}

/** While the network changes to or from a group, its hosts are in it. */
function groupOf(
  tunnel: Tunnel,
  { change }: Network,
  host: Host,
  local: Ip,
): Pick<VxlanDetail, 'remote' | 'device'> {
  const group = tunnel.group ?? (change && isOfDevice(change.other, tunnel) ? change.other.group : undefined);
  if (group === undefined) return { remote: '' };
  // None is known of a host with an earlier agent; the kernel's refusal is what `status` shows then.
  return { remote: group, device: host.facts.underlayInterfaces[host.underlay.indexOf(local)] ?? '' };
}

/** Puts in what is written into them beforehand, or else for somebody who asks. */
export function addTunnelRows(
  place: PlaceView,
  into: RowTables,
  when: 'beforehand' | 'asked' = 'beforehand',
): void {
  const { network, vteps, host } = place;
  if (!vteps.has(host.id)) return;
  for (const { tunnel } of tunnelsOf(network))
    for (const addRows of when === 'asked' ? askedOf(network) : beforehandOf(network, tunnel))
      addRows({ ...place, tunnel, dev: place.nameOf(tunnel.device) }, into);
}

const beforehandOf = (network: Network, { mode }: Tunnel): readonly RowMaker[] =>
  network.change ? EVERY_ROW : MODES[mode].rows;

const askedOf = ({ change, mode }: Network): readonly RowMaker[] => (!change && MODES[mode].asked) || [];

/** Whether rows are written only for somebody who asks. */
export const isOnDemand = (network: Network): boolean => askedOf(network).length > 0;

/** Whether it is a VXLAN device that frames leave by. */
export const isSendingTunnel = (object: KernelObject): boolean =>
  object.kind === 'link' && object.detail.type === 'vxlan' && object.port?.unicastFlood !== false;

/** Whether the device finds out by itself where a MAC is. */
export const learns = (network: Network, dev: string): boolean =>
  [...tunnelsOf(network)].some(
    ({ tunnel }) => tunnelName(tunnel.device) === dev && MODES[tunnel.mode].flags.learning,
  );
