import { ARPOP_REPLY, ARPOP_REQUEST } from './arp.ts';
import { type ArpLayer, findLayer, type Icmpv6Message, type Layer, layersAt } from './layer.ts';

/** For counting what crosses the underlay: "with `proxy`, no ARP request for a known neighbour is seen". */
export interface FrameClass {
  /** The tunnel's ends; absent on a frame that is in none. */
  tunnel?: { source: string; destination: string; port: number };
  /** Absent also when the VXLAN header does not vouch for it (no I flag). */
  vni?: number;
  /** What the frame is, or in a tunnel what the frame inside is. The addresses below are of the same frame. */
  kind: FrameKind;
  sourceMac?: string;
  destinationMac?: string;
  /** ARP: the sender's and the target's protocol addresses. */
  sourceIp?: string;
  destinationIp?: string;
  /** ARP and ND: the address that is asked for or answered. */
  target?: string;
}

export type FrameKind =
  | 'arp-request'
  | 'arp-reply'
  | 'neighbour-solicitation'
  | 'neighbour-advertisement'
  | 'router-solicitation'
  | 'mld'
  | 'icmp-echo'
  | 'tcp'
  | 'udp'
  | 'other';

/** Looks through one tunnel only: an overlay that containers run inside theirs is their UDP traffic. */
export function classifyFrame(layers: readonly Layer[]): FrameClass {
  const outer = layersAt(layers, 0);
  const tunnelled = findLayer(outer, 'vxlan') !== undefined;
  const frame = tunnelled ? layersAt(layers, 1) : outer;
  const ethernet = findLayer(frame, 'ethernet');
  const macs = { sourceMac: ethernet?.source, destinationMac: ethernet?.destination };
  return { ...(tunnelled ? tunnelOf(outer) : {}), ...macs, ...contentOf(frame) };
}

function tunnelOf(outer: Layer[]): Pick<FrameClass, 'tunnel' | 'vni'> {
  const ip = (findLayer(outer, 'ipv4') ?? findLayer(outer, 'ipv6'))!;
  const vxlan = findLayer(outer, 'vxlan')!;
  const port = findLayer(outer, 'udp')!.destinationPort;
  return {
    tunnel: { source: ip.source, destination: ip.destination, port },
    vni: vxlan.vniValid ? vxlan.vni : undefined,
  };
}

function contentOf(frame: Layer[]): Pick<FrameClass, 'kind' | 'sourceIp' | 'destinationIp' | 'target'> {
  const arp = findLayer(frame, 'arp');
  if (arp) return arpContent(arp);
  const ip = findLayer(frame, 'ipv4') ?? findLayer(frame, 'ipv6');
  const addresses = { sourceIp: ip?.source, destinationIp: ip?.destination };
  const icmpv6 = findLayer(frame, 'icmpv6');
  if (icmpv6) {
    const target = 'target' in icmpv6.message ? icmpv6.message.target : undefined;
    return { kind: icmpv6Kinds[icmpv6.message.kind] ?? 'other', ...addresses, target };
  }
  const echo = findLayer(frame, 'icmp')?.message.kind.startsWith('echo');
  if (echo) return { kind: 'icmp-echo', ...addresses };
  const transport = findLayer(frame, 'tcp') ?? findLayer(frame, 'udp');
  return { kind: transport?.layer ?? 'other', ...addresses };
}

function arpContent(arp: ArpLayer): Pick<FrameClass, 'kind' | 'sourceIp' | 'destinationIp' | 'target'> {
  const addresses = { sourceIp: arp.senderIp, destinationIp: arp.targetIp };
  if (arp.operation === ARPOP_REQUEST) return { kind: 'arp-request', ...addresses, target: arp.targetIp };
  if (arp.operation === ARPOP_REPLY) return { kind: 'arp-reply', ...addresses, target: arp.senderIp };
  return { kind: 'other' };
}

const icmpv6Kinds: Partial<Record<Icmpv6Message['kind'], FrameKind>> = {
  'echo-request': 'icmp-echo',
  'echo-reply': 'icmp-echo',
  'neighbour-solicitation': 'neighbour-solicitation',
  'neighbour-advertisement': 'neighbour-advertisement',
  'router-solicitation': 'router-solicitation',
  'mld-query': 'mld',
  'mld-report': 'mld',
  'mld-done': 'mld',
  'mld-report-v2': 'mld',
};
