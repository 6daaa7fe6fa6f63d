import type { Family } from '#model/ip.ts';
import type { Layer } from '#packet/layer.ts';

/**
 * What the demo found out, as data: `weft lab demo --json`. Names come from Weft's records; all else was read from the
 * kernel (`ip -j`, `bridge -j`), from ping, or from the capture while the demo ran.
 */
export interface DemoReport {
  readonly lab: string;
  readonly topology: Topology;
  readonly reach: readonly Probe[];
  /** From a container straight onto its own network's wire, for an address of another network. */
  readonly isolation: readonly Probe[];
  readonly underlay: Underlay;
  readonly frame?: CaughtFrame;
  readonly resolution?: Resolution;
  readonly verdict: Verdict;
}

export interface Topology {
  readonly underlay: { readonly subnets: readonly string[]; readonly mtu: number };
  readonly networks: readonly DemoNetwork[];
  readonly hosts: readonly DemoHost[];
}

export interface DemoNetwork {
  readonly name: string;
  readonly vni: number;
  readonly mode: string;
  readonly subnets: readonly string[];
}

export interface DemoHost {
  readonly name: string;
  readonly namespace: string;
  readonly interface: string;
  readonly ifindex: number;
  readonly mac: string;
  readonly mtu: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
  readonly tunnels: readonly DemoTunnel[];
  readonly containers: readonly DemoContainer[];
}

/** A VXLAN device of a host, as `ip -d link` and `bridge fdb` show it. */
export interface DemoTunnel {
  readonly network: string;
  readonly namespace: string;
  readonly vni: number;
  readonly port: number;
  /** The VTEP's address. */
  readonly local: string;
  readonly mtu: number;
  readonly learning: boolean;
  readonly proxy: boolean;
  /** Where unknown and broadcast frames go: the all-zero FDB entries. */
  readonly flood: readonly string[];
  /** MAC to VTEP. */
  readonly remote: readonly { readonly mac: string; readonly vtep: string }[];
  /** What the device answers ARP and ND with. */
  readonly neighbours: number;
}

export interface DemoContainer {
  readonly name: string;
  readonly host: string;
  readonly namespace: string;
  readonly network: string;
  readonly interface: string;
  readonly ifindex: number;
  readonly mac: string;
  readonly mtu: number;
  /** With prefix length, link-local ones included. */
  readonly addresses: readonly string[];
}

/** One `ping` from a container to an address. */
export interface Probe {
  readonly from: string;
  readonly to: string;
  readonly fromNetwork: string;
  readonly toNetwork: string;
  readonly family: Family;
  readonly address: string;
  readonly sent: number;
  readonly received: number;
  /** The fastest; absent when nothing came back. */
  readonly rttMs?: number;
}

/** What left the hosts through their underlay interfaces while the pings ran. */
export interface Underlay {
  readonly seconds: number;
  /** Frames that the capture lost: counts are whole only when it is 0. */
  readonly dropped: number;
  /** Frames in tunnels by what they carry. */
  readonly tunnelled: Readonly<Record<string, number>>;
}

export interface CaughtFrame {
  readonly host: string;
  readonly interface: string;
  readonly time: string;
  readonly length: number;
  readonly hex: string;
  readonly layers: readonly Layer[];
  /** One line per layer, outside in. */
  readonly lines: readonly string[];
  readonly sentence: string;
}

/** How the sender of the caught frame learned the MAC address of its destination. */
export interface Resolution {
  readonly container: string;
  readonly network: string;
  readonly target: string;
  /** Seen on the container's own interface. */
  readonly requests: number;
  readonly answer?: { readonly mac: string; readonly afterMicroseconds: number };
  /** Of the request, in tunnels on the underlay: one for each VTEP it was sent to. */
  readonly copiesOnUnderlay: number;
}

export interface Verdict {
  readonly ok: boolean;
  readonly reached: number;
  readonly unreached: number;
  /** Pairs across networks that answered. */
  readonly leaked: number;
  /** ARP requests and neighbour solicitations on the underlay in networks of mode proxy. */
  readonly crossed: number;
}
