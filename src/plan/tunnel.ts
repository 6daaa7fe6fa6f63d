import type { BridgePort, Fdb, Link, Neighbour } from '#model/kernel-state.ts';
import { BRIDGE_NAME, VXLAN_NAME } from '#model/own.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { flood } from './tunnel-flood.ts';
import { proxy } from './tunnel-proxy.ts';
import type { TunnelRules, TunnelView } from './tunnel-rules.ts';
import { staticRows } from './tunnel-static.ts';

const MODES: { readonly [M in TunnelMode]: TunnelRules } = { flood, static: staticRows, proxy };

/**
 * The bridge hands every frame that it knows no port for to the tunnel, and does not learn from it: where a remote
 * MAC lives is the VXLAN device's own knowledge, in one table.
 */
const TUNNEL_PORT: BridgePort = {
  learning: false,
  unicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  hairpin: false,
  neighSuppress: false,
  isolated: false,
  locked: false,
  forwarding: true,
};

/**
 * The VXLAN device of a network. None while this host has no VTEP of the underlay's family: its own containers still
 * reach each other over the bridge.
 */
export function tunnelLink({ network, vteps, host, ns }: TunnelView): Link | undefined {
  const local = vteps.get(host.id);
  if (!local) return undefined;
  return {
    kind: 'link',
    ns,
    name: VXLAN_NAME,
    up: true,
    mtu: network.mtu,
    master: BRIDGE_NAME,
    arp: true,
    addrGenMode: 'none',
    // Rows of IPv6 neighbours are refused on a device with IPv6 disabled.
    ipv6: { disabled: false },
    detail: {
      type: 'vxlan',
      vni: network.vni,
      port: network.port,
      local,
      ttl: network.ttl,
      ...MODES[network.mode].flags,
    },
    port: TUNNEL_PORT,
  };
}

/** What is written into the device beforehand. */
export function* tunnelRows(tunnel: TunnelView): Generator<Iterable<Fdb | Neighbour>> {
  for (const rows of MODES[tunnel.network.mode].rows) yield rows(tunnel);
}
