import type { BridgePort, KernelObject, Link } from '#model/kernel-state.ts';
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
};

/**
 * The VXLAN device of a network and its rows. Nothing while this host has no VTEP of the underlay's family: its own
 * containers still reach each other over the bridge.
 */
export function* tunnelObjects(tunnel: TunnelView): Generator<KernelObject> {
  const { network, vteps, host, ns } = tunnel;
  const local = vteps.get(host.id);
  if (!local) return;
  const { flags, rows } = MODES[network.mode];
  const link: Link = {
    kind: 'link',
    ns,
    name: VXLAN_NAME,
    up: true,
    mtu: network.mtu,
    master: BRIDGE_NAME,
    addrGenMode: 'none',
    detail: { type: 'vxlan', vni: network.vni, port: network.port, local, ttl: network.ttl, ...flags },
    port: TUNNEL_PORT,
  };
  yield link;
  yield* rows(tunnel);
}
