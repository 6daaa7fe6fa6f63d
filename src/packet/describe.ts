import { ARPOP_REPLY, ARPOP_REQUEST } from './arp.ts';
import { hex } from './bytes.ts';
import type {
  ArpLayer,
  ChecksumState,
  HeaderLayer,
  IcmpLayer,
  IcmpMessage,
  Icmpv6Layer,
  Icmpv6Message,
  Ipv4Layer,
  Ipv6Layer,
  Layer,
} from './layer.ts';

/**
 * One line per layer, outside in, in the field's terms, at the same index as its layer. In a tunnelled frame the
 * layers before the tunnel's UDP are called outer and those after its VXLAN header inner.
 *
 *     outer IPv4 10.99.0.1 → 10.99.0.2 ttl 64
 *     UDP 53211 → 4789 (VXLAN) length 58 checksum 0
 */
export function describeLayers(layers: readonly Layer[]): string[] {
  const tunnelled = layers.some((layer) => layer.layer === 'vxlan');
  return layers.map((layer, index) => {
    const wraps = layer.layer === 'vxlan' || layers[index + 1]?.layer === 'vxlan';
    const where = !tunnelled || wraps ? '' : `${depthName(layer.depth)} `;
    return where + describeLayer(layer, wraps ? ' (VXLAN)' : '');
  });
}

function depthName(depth: number): string {
  if (depth === 0) return 'outer';
  return depth === 1 ? 'inner' : `inner (${depth})`;
}

function describeLayer(layer: Layer, portName: string): string {
  switch (layer.layer) {
    case 'payload':
      return `data, ${layer.end - layer.start} bytes`;
    case 'padding':
      return `padding, ${layer.end - layer.start} bytes`;
    case 'malformed':
      return `malformed ${protocolNames[layer.at]}: ${layer.why}`;
    default:
      return `${protocolNames[layer.layer]} ${describeHeader(layer, portName)}`;
  }
}

const protocolNames: Record<HeaderLayer['layer'], string> = {
  ethernet: 'Ethernet',
  vlan: 'VLAN',
  arp: 'ARP',
  ipv4: 'IPv4',
  ipv6: 'IPv6',
  udp: 'UDP',
  tcp: 'TCP',
  icmp: 'ICMP',
  icmpv6: 'ICMPv6',
  vxlan: 'VXLAN',
};

function describeHeader(layer: HeaderLayer, portName: string): string {
  switch (layer.layer) {
    case 'ethernet':
      return `${layer.source} → ${layer.destination}`;
    case 'vlan':
      return `${layer.vid} (${layer.tag === 0x88a8 ? '802.1ad' : '802.1Q'}) priority ${layer.priority}`;
    case 'arp':
      return describeArp(layer);
    case 'ipv4':
      return describeIpv4(layer);
    case 'ipv6':
      return `${layer.source} → ${layer.destination} hop limit ${layer.hopLimit}${describeFragment(layer)}`;
    case 'udp': {
      const ports = `${layer.sourcePort} → ${layer.destinationPort}${portName}`;
      return `${ports} length ${layer.length} ${describeChecksum(layer)}`;
    }
    case 'tcp': {
      const ports = `${layer.sourcePort} → ${layer.destinationPort}`;
      const numbers = `seq ${layer.sequence} ack ${layer.acknowledgement} win ${layer.window}`;
      return `${ports} [${layer.flags}] ${numbers} ${describeChecksum(layer)}`;
    }
    case 'vxlan': {
      const flag = layer.vniValid ? 'I: VNI valid' : 'I not set: no valid VNI';
      return `flags 0x${hex(layer.flags, 2)} (${flag}) VNI ${layer.vni}`;
    }
    case 'icmp':
      return (describeIcmp(layer.message) ?? `type ${layer.type}`) + describeCode(layer) + badChecksum(layer);
    case 'icmpv6':
      return (
        (describeIcmpv6(layer.message) ?? `type ${layer.type}`) + describeCode(layer) + badChecksum(layer)
      );
  }
}

function describeArp(arp: ArpLayer): string {
  if (arp.operation === ARPOP_REQUEST) return `who-has ${arp.targetIp} tell ${arp.senderIp}`;
  if (arp.operation === ARPOP_REPLY) return `reply ${arp.senderIp} is-at ${arp.senderMac}`;
  return `operation ${arp.operation} ${arp.senderIp} → ${arp.targetIp}`;
}

function describeIpv4(ip: Ipv4Layer): string {
  const flags = ip.dontFragment ? ' DF' : '';
  return `${ip.source} → ${ip.destination} ttl ${ip.ttl}${flags}${describeFragment(ip)}${badChecksum(ip)}`;
}

function describeFragment(ip: Ipv4Layer | Ipv6Layer): string {
  if (!ip.moreFragments && ip.fragmentOffset === 0) return '';
  return ` fragment at ${ip.fragmentOffset}${ip.moreFragments ? ', more follow' : ', the last'}`;
}

function describeChecksum({
  checksum,
  checksumState,
}: {
  checksum: number;
  checksumState: ChecksumState;
}): string {
  return checksumState === 'none' ? 'checksum 0' : `checksum 0x${hex(checksum, 4)} ${checksumState}`;
}

/** Where a good checksum is not worth a word. */
function badChecksum({
  checksum,
  checksumState,
}: {
  checksum: number;
  checksumState: ChecksumState;
}): string {
  return checksumState === 'bad' ? ` ${describeChecksum({ checksum, checksumState })}` : '';
}

/** Most messages have code 0 only; where it says something it is worth a look. */
function describeCode({ code }: IcmpLayer | Icmpv6Layer): string {
  return code === 0 ? '' : ` code ${code}`;
}

function describeIcmp(message: IcmpMessage): string | undefined {
  switch (message.kind) {
    case 'echo-request':
    case 'echo-reply':
      return `${message.kind.replace('-', ' ')} id ${message.id} seq ${message.sequence}`;
    case 'unreachable':
      return `unreachable${message.mtu === undefined ? '' : `, fragmentation needed, MTU ${message.mtu}`}`;
    case 'other':
      return undefined;
  }
}

function describeIcmpv6(message: Icmpv6Message): string | undefined {
  switch (message.kind) {
    case 'echo-request':
    case 'echo-reply':
    case 'unreachable':
      return describeIcmp(message);
    case 'packet-too-big':
      return `packet too big, MTU ${message.mtu}`;
    case 'router-solicitation':
      return 'router solicitation';
    case 'router-advertisement':
      return `router advertisement, lifetime ${message.lifetimeSeconds} s`;
    case 'neighbour-solicitation':
      return `neighbour solicitation, who-has ${message.target}`;
    case 'neighbour-advertisement':
      return `neighbour advertisement, ${message.target} is-at ${message.targetMac ?? 'no stated address'}`;
    case 'other':
      return undefined;
    default:
      return `${mldNames[message.kind]} ${message.groups.join(' ')}`;
  }
}

const mldNames = {
  'mld-query': 'multicast listener query',
  'mld-report': 'multicast listener report',
  'mld-done': 'multicast listener done',
  'mld-report-v2': 'multicast listener report v2',
};
