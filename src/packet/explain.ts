import { classifyFrame, type FrameClass } from './classify.ts';
import { findLayer, type Layer, layersAt } from './layer.ts';

/** What the reader calls things; an address or VNI that is not listed is shown bare. */
export interface Names {
  /** Host names by underlay address. */
  hosts?: Readonly<Record<string, string>>;
  /** Network names by VNI. */
  networks?: Readonly<Record<number, string>>;
}

/** One sentence in plain English: what the frame proves. */
export function explainFrame(layers: readonly Layer[], names: Names = {}): string {
  const seen = classifyFrame(layers);
  const content = contentPhrase(seen, layersAt(layers, seen.tunnel ? 1 : 0));
  const proof = seen.tunnel
    ? explainTunnel(seen, `${innerLength(layers)} bytes with ${content}`, names)
    : `No tunnel header is in this frame of ${layers.at(-1)!.end} bytes with ${content}`;
  const broken = findLayer(layers, 'malformed');
  return broken ? `${proof}; it cannot be read to its end (${broken.at}: ${broken.why}).` : `${proof}.`;
}

/** As UDP promises it, so that a cut or fragmented capture still tells the true size. */
function innerLength(layers: readonly Layer[]): number {
  return findLayer(layers, 'udp')!.length - 16;
}

function explainTunnel(seen: FrameClass, content: string, { hosts = {}, networks = {} }: Names): string {
  const { source, destination, port } = seen.tunnel!;
  const vtep = (address: string, text = address) =>
    hosts[address] === undefined ? `VTEP ${text}` : `host ${hosts[address]}'s VTEP ${text}`;
  const from = vtep(source).replace(/^h/, 'H');
  const to = vtep(destination, `${destination.includes(':') ? `[${destination}]` : destination}:${port}`);
  if (seen.vni === undefined) return `${from} sent VXLAN without a valid VNI to ${to}, which drops it`;
  const name = networks[seen.vni];
  const network = name === undefined ? `network VNI ${seen.vni}` : `network ${name} (VNI ${seen.vni})`;
  return (
    `${from} wrapped an Ethernet frame of ${network}, ${content}, in UDP to ${to}; ` +
    'the underlay sees only the outer addresses, the containers only the inner ones'
  );
}

function contentPhrase(seen: FrameClass, frame: Layer[]): string {
  const path = `from ${seen.sourceIp} to ${seen.destinationIp}`;
  switch (seen.kind) {
    case 'arp-request':
      return `an ARP request for ${seen.target} from ${seen.sourceIp}`;
    case 'arp-reply':
      return `an ARP reply to ${seen.destinationIp} that ${seen.target} is at ${seen.sourceMac}`;
    case 'neighbour-solicitation':
      return `a neighbour solicitation for ${seen.target} from ${seen.sourceIp}`;
    case 'neighbour-advertisement':
      return `a neighbour advertisement of ${seen.target} to ${seen.destinationIp}`;
    case 'router-solicitation':
      return `a router solicitation from ${seen.sourceIp}`;
    case 'mld':
      return `a multicast listener message from ${seen.sourceIp}`;
    case 'icmp-echo':
      return `an ICMP echo ${isReply(frame) ? 'reply' : 'request'} ${path}`;
    case 'tcp':
      return `a TCP segment ${path}`;
    case 'udp':
      return `a UDP datagram ${path}`;
    case 'other':
      if (seen.sourceIp)
        return `${isLaterFragment(frame) ? 'a later fragment of an IP' : 'an IP'} packet ${path}`;
      return seen.sourceMac
        ? `content for ${seen.destinationMac} from ${seen.sourceMac}`
        : 'nothing readable';
  }
}

function isReply(frame: Layer[]): boolean {
  const icmp = findLayer(frame, 'icmp') ?? findLayer(frame, 'icmpv6');
  return icmp?.message.kind === 'echo-reply';
}

/** It has no header but IP's: a tunnel's datagram that was split on its way looks so, too. */
function isLaterFragment(frame: Layer[]): boolean {
  const ip = findLayer(frame, 'ipv4') ?? findLayer(frame, 'ipv6');
  return ip !== undefined && ip.fragmentOffset > 0;
}
