import { ZERO_MAC } from './address.ts';
import { ARPOP_REPLY, ARPOP_REQUEST } from './arp.ts';
import { hex } from './bytes.ts';
import {
  type ArpLayer,
  findLayer,
  type IcmpLayer,
  type Icmpv6Layer,
  type Ipv4Layer,
  type Ipv6Layer,
  type Layer,
  layersAt,
  type TcpLayer,
} from './layer.ts';

/**
 * One line in tcpdump's own words (`tcpdump -n -t -S`, less TCP's options), the inner frame after a bar:
 *
 *     IP 10.99.0.1.53211 > 10.99.0.2.4789: VXLAN, flags [I] (0x08), vni 1048576 | ARP, Request who-has 10.1.0.3 tell 10.1.0.2, length 28
 */
export function summarizeFrame(layers: readonly Layer[]): string {
  const depths = new Set(layers.map((layer) => layer.depth));
  return Array.from(depths, (depth) => summarizeOne(layersAt(layers, depth))).join(' | ');
}

function summarizeOne(layers: Layer[]): string {
  const broken = findLayer(layers, 'malformed');
  const complaint = broken ? ` [malformed ${broken.at}: ${broken.why}]` : '';
  const arp = findLayer(layers, 'arp');
  const ip = findLayer(layers, 'ipv4') ?? findLayer(layers, 'ipv6');
  if (arp) return summarizeArp(arp, layers) + complaint;
  if (ip) return summarizeIp(ip, layers) + complaint;
  const ethernet = findLayer(layers, 'ethernet');
  if (!ethernet) return complaint.trim() || 'not an Ethernet frame';
  const type = `ethertype 0x${hex(ethernet.etherType, 4)}`;
  return `${ethernet.source} > ${ethernet.destination}, ${type}${complaint}`;
}

function summarizeArp(arp: ArpLayer, layers: Layer[]): string {
  const length = layers.at(-1)!.end - arp.start;
  return `ARP, ${arpWords(arp)}, length ${length}`;
}

function arpWords(arp: ArpLayer): string {
  const known = arp.targetMac === ZERO_MAC ? '' : ` (${arp.targetMac})`;
  if (arp.operation === ARPOP_REQUEST) return `Request who-has ${arp.targetIp}${known} tell ${arp.senderIp}`;
  if (arp.operation === ARPOP_REPLY) return `Reply ${arp.senderIp} is-at ${arp.senderMac}`;
  return `operation ${arp.operation}`;
}

function summarizeIp(ip: Ipv4Layer | Ipv6Layer, layers: Layer[]): string {
  const name = ip.layer === 'ipv4' ? 'IP' : 'IP6';
  const ports = findLayer(layers, 'udp') ?? findLayer(layers, 'tcp');
  const from = ports ? `${ip.source}.${ports.sourcePort}` : ip.source;
  const to = ports ? `${ip.destination}.${ports.destinationPort}` : ip.destination;
  return `${name} ${from} > ${to}: ${ipContent(ip, layers)}`;
}

function ipContent(ip: Ipv4Layer | Ipv6Layer, layers: Layer[]): string {
  const vxlan = findLayer(layers, 'vxlan');
  if (vxlan)
    return `VXLAN, flags [${vxlan.vniValid ? 'I' : '.'}] (0x${hex(vxlan.flags, 2)}), vni ${vxlan.vni}`;
  const udp = findLayer(layers, 'udp');
  if (udp) return `UDP, length ${udp.length - 8}`;
  const tcp = findLayer(layers, 'tcp');
  if (tcp) return tcpWords(tcp);
  const icmp = findLayer(layers, 'icmp') ?? findLayer(layers, 'icmpv6');
  if (!icmp) return `ip-proto-${ip.protocol}`;
  const hopByHop = ip.layer === 'ipv6' && ip.extensions[0] === 0 ? 'HBH ' : '';
  const family = icmp.layer === 'icmp' ? 'ICMP' : 'ICMP6,';
  return `${hopByHop}${family} ${icmpWords(icmp)}, length ${icmp.length}`;
}

function tcpWords(tcp: TcpLayer): string {
  const moves = tcp.length > 0 || /[SFR]/.test(tcp.flags);
  const next = (tcp.sequence + tcp.length) >>> 0;
  const sequence = tcp.length > 0 ? `, seq ${tcp.sequence}:${next}` : `, seq ${tcp.sequence}`;
  const acknowledgement = tcp.flags.includes('.') ? `, ack ${tcp.acknowledgement}` : '';
  return `Flags [${tcp.flags}]${moves ? sequence : ''}${acknowledgement}, win ${tcp.window}, length ${tcp.length}`;
}

function icmpWords({ type, code, message }: IcmpLayer | Icmpv6Layer): string {
  switch (message.kind) {
    case 'echo-request':
    case 'echo-reply':
      return `${message.kind.replace('-', ' ')}, id ${message.id}, seq ${message.sequence}`;
    case 'neighbour-solicitation':
      return `neighbor solicitation, who has ${message.target}`;
    case 'neighbour-advertisement':
      return `neighbor advertisement, tgt is ${message.target}`;
    case 'router-solicitation':
      return 'router solicitation';
    case 'router-advertisement':
      return 'router advertisement';
    case 'mld-report-v2':
      return `multicast listener report v2, ${message.groups.length} group record(s)`;
    default:
      return `type ${type} code ${code}`;
  }
}
