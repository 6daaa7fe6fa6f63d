import type { Cidr, InterfaceAddress } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Address, BridgePort, Fdb, KernelObject, Link, Neighbour, Route } from '#model/kernel-state.ts';
import { type Mac, ZERO_MAC } from '#model/mac.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { BRIDGE_NAME, overlayNamespace, portName, VXLAN_NAME } from '#model/own.ts';
import type { Vni } from '#model/vni.ts';

/** A network with one endpoint, as a host has it in mode `proxy`; the tests of this room build and vary it. */
export interface ExampleNetwork {
  readonly ns: string;
  readonly bridge: Link;
  readonly vxlan: Link;
  readonly port: Link;
  readonly peer: Link;
  readonly lo: Link;
  readonly address4: Address;
  readonly address6: Address;
  readonly route4: Route;
  readonly route6: Route;
  readonly neighbour: Neighbour;
  readonly remote: Fdb;
  readonly flood: Fdb;
  readonly local: Fdb;
  /** All of it in an order in which it can be made. */
  readonly objects: readonly KernelObject[];
}

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
export const CONTAINER_PORT: BridgePort = { ...TUNNEL_PORT, unicastFlood: false };

/** `index` tells networks and their endpoints apart: VNI, MACs, addresses, the container's `eth<index>`. */
export function exampleNetwork(
  hostTag: string,
  underlay: Ip,
  container: NamespaceRef,
  index = 0,
): ExampleNetwork {
  const ns = overlayNamespace(hostTag, (0x100000 + index) as Vni);
  const hex = index.toString(16).padStart(2, '0');
  const mac = (last: string) => `02:00:00:00:${hex}:${last}` as Mac;
  const [dev, name] = [VXLAN_NAME, `eth${index}`];
  const at = { ns: container.path, name };
  const port = { ns, name: portName(`000000000000000000000EXAM${hex}`.slice(-26) as Id) };
  const inContainer = { ns: container.path, dev: name };
  const overlayLink = { kind: 'link', ns, mtu: 1400, addrGenMode: 'none' } as const;
  const bridge: Link = {
    ...overlayLink,
    name: BRIDGE_NAME,
    up: true,
    mac: mac('b0'),
    detail: { type: 'bridge', stp: false, multicastSnooping: false },
  };
  const vxlan: Link = {
    ...overlayLink,
    name: VXLAN_NAME,
    up: true,
    mac: mac('a0'),
    master: BRIDGE_NAME,
    detail: {
      type: 'vxlan',
      remote: '',
      vni: (0x100000 + index) as Vni,
      port: 4789,
      local: underlay,
      ttl: 64,
      learning: false,
      proxy: true,
      l2miss: false,
      l3miss: false,
    },
    port: TUNNEL_PORT,
  };
  const portLink: Link = {
    ...overlayLink,
    ...port,
    up: true,
    mac: mac('c0'),
    master: BRIDGE_NAME,
    detail: { type: 'veth', peer: at },
    port: CONTAINER_PORT,
  };
  const network = {
    ns,
    bridge,
    vxlan,
    port: portLink,
    peer: { kind: 'link', ...at, up: true, mac: mac('01'), mtu: 1400, detail: { type: 'veth-peer', port } },
    lo: { kind: 'link', ns: container.path, name: 'lo', up: true, detail: { type: 'loopback' } },
    address4: { kind: 'address', ...inContainer, address: `10.${index}.0.2/24` as InterfaceAddress },
    address6: {
      kind: 'address',
      ...inContainer,
      address: `fd00:${index + 1}::2/64` as InterfaceAddress,
      nodad: true,
    },
    route4: route(inContainer, '0.0.0.0/0', `10.${index}.0.1`),
    route6: route(inContainer, '::/0', `fd00:${index + 1}::1`),
    neighbour: {
      kind: 'neighbour',
      ns,
      dev,
      ip: `10.${index}.0.3` as Ip,
      mac: mac('02'),
      state: 'permanent',
    },
    remote: {
      kind: 'fdb',
      ns,
      dev,
      table: 'self',
      mac: mac('02'),
      dst: '192.0.2.2' as Ip,
      state: 'permanent',
    },
    flood: { kind: 'fdb', ns, dev, table: 'self', mac: ZERO_MAC, dst: '192.0.2.2' as Ip, state: 'permanent' },
    local: { kind: 'fdb', ns, dev: port.name, table: 'master', mac: mac('01'), state: 'static' },
  } as const satisfies Omit<ExampleNetwork, 'objects'>;
  const { ns: _, ...objects } = network;
  return { ...network, objects: [{ kind: 'namespace', ns }, ...Object.values(objects)] };
}

const route = (at: { ns: string; dev: string }, destination: string, via: string): Route => ({
  kind: 'route',
  ...at,
  destination: destination as Cidr,
  via: via as Ip,
  protocol: 119,
});
