/** Byte offsets in the frame, `end` exclusive. */
interface Span {
  start: number;
  end: number;
}

/**
 * `none`: zero, the sender computed none. `partial`: the network card was to finish it, or the one inside that this
 * one covers; usual on veth, not a fault. `unverified`: not all covered bytes are here.
 */
export type ChecksumState = 'good' | 'bad' | 'none' | 'partial' | 'unverified';

export interface EthernetLayer extends Span {
  layer: 'ethernet';
  destination: string;
  source: string;
  /** Below 1536 it is the length of an IEEE 802.3 frame, such as STP's. */
  etherType: number;
}

export interface VlanLayer extends Span {
  layer: 'vlan';
  /** 0x8100 (802.1Q) or 0x88a8 (802.1ad, the outer of two tags). */
  tag: number;
  priority: number;
  dropEligible: boolean;
  vid: number;
  etherType: number;
}

export interface ArpLayer extends Span {
  layer: 'arp';
  /** 1 request, 2 reply. */
  operation: number;
  senderMac: string;
  senderIp: string;
  targetMac: string;
  targetIp: string;
}

export interface Ipv4Layer extends Span {
  layer: 'ipv4';
  source: string;
  destination: string;
  ttl: number;
  protocol: number;
  dscp: number;
  ecn: number;
  id: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** In bytes; above 0 the bytes that follow are the middle or the end of a datagram. */
  fragmentOffset: number;
  /** As the header says; 0 for a super-packet above 64 KiB (BIG TCP). */
  totalLength: number;
  checksum: number;
  checksumState: ChecksumState;
}

export interface Ipv6Layer extends Span {
  layer: 'ipv6';
  source: string;
  destination: string;
  hopLimit: number;
  /** What follows the extension headers, which belong to this layer's span. */
  protocol: number;
  trafficClass: number;
  flowLabel: number;
  payloadLength: number;
  /** Protocol numbers of the extension headers, in order. */
  extensions: number[];
  moreFragments: boolean;
  fragmentOffset: number;
}

export interface UdpLayer extends Span {
  layer: 'udp';
  sourcePort: number;
  destinationPort: number;
  /** Of the whole datagram, as the header says, this header included. */
  length: number;
  checksum: number;
  checksumState: ChecksumState;
}

export interface TcpLayer extends Span {
  layer: 'tcp';
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgement: number;
  /** As tcpdump writes them: `S`, `S.`, `P.`, `F.`, `R`; `.` is ACK. */
  flags: string;
  window: number;
  /** Bytes after the header. */
  length: number;
  checksum: number;
  checksumState: ChecksumState;
}

interface Icmp extends Span {
  type: number;
  code: number;
  /** Of the whole message, this header included. */
  length: number;
  checksum: number;
  checksumState: ChecksumState;
}

export type IcmpMessage =
  | { kind: 'echo-request' | 'echo-reply'; id: number; sequence: number }
  /** `mtu` with code 4, fragmentation needed: the largest packet that the next hop takes. */
  | { kind: 'unreachable'; mtu?: number }
  | { kind: 'other' };

export interface IcmpLayer extends Icmp {
  layer: 'icmp';
  message: IcmpMessage;
}

export type Icmpv6Message =
  | { kind: 'echo-request' | 'echo-reply'; id: number; sequence: number }
  | { kind: 'unreachable' }
  | { kind: 'packet-too-big'; mtu: number }
  | { kind: 'router-solicitation'; sourceMac?: string }
  | {
      kind: 'router-advertisement';
      hopLimit: number;
      lifetimeSeconds: number;
      sourceMac?: string;
      mtu?: number;
    }
  | { kind: 'neighbour-solicitation'; target: string; sourceMac?: string }
  | {
      kind: 'neighbour-advertisement';
      target: string;
      targetMac?: string;
      router: boolean;
      solicited: boolean;
      override: boolean;
    }
  | { kind: 'mld-query' | 'mld-report' | 'mld-done' | 'mld-report-v2'; groups: string[] }
  | { kind: 'other' };

export interface Icmpv6Layer extends Icmp {
  layer: 'icmpv6';
  message: Icmpv6Message;
}

export interface VxlanLayer extends Span {
  layer: 'vxlan';
  flags: number;
  /** The I flag; without it a VTEP drops the packet and `vni` means nothing. */
  vniValid: boolean;
  vni: number;
}

/** Bytes that no reader of this room looks into: data, fragments' tails, protocols we do not speak. */
export interface PayloadLayer extends Span {
  layer: 'payload';
}

/** Bytes beyond what the layer around them claims: Ethernet's filling up to 60 bytes. */
export interface PaddingLayer extends Span {
  layer: 'padding';
}

/** The bytes do not keep what `at` promises. Spans what could not be read; empty when the frame just ends too early. */
export interface MalformedLayer extends Span {
  layer: 'malformed';
  at: Protocol;
  why: string;
}

export type HeaderLayer =
  | EthernetLayer
  | VlanLayer
  | ArpLayer
  | Ipv4Layer
  | Ipv6Layer
  | UdpLayer
  | TcpLayer
  | IcmpLayer
  | Icmpv6Layer
  | VxlanLayer;

export type Protocol = HeaderLayer['layer'];

/**
 * A decoded frame is a list of layers, outside in; their spans follow one another without gap or overlap and cover
 * the whole frame. `depth` is how many tunnels are around the layer: the outer headers, the tunnel's UDP and VXLAN
 * have 0, the frame inside has 1.
 */
export type Layer = (HeaderLayer | PayloadLayer | PaddingLayer | MalformedLayer) & { depth: number };

/** The layers at one depth: 0 the frame on the wire, 1 the frame in its tunnel; empty where there is none. */
export function layersAt(layers: readonly Layer[], depth: number): Layer[] {
  return layers.filter((layer) => layer.depth === depth);
}

/** The first layer of a kind, typed. */
export function findLayer<K extends Layer['layer']>(
  layers: readonly Layer[],
  kind: K,
): Extract<Layer, { layer: K }> | undefined {
  return layers.find((layer): layer is Extract<Layer, { layer: K }> => layer.layer === kind);
}
