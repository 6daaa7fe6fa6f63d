import { readArp } from './arp.ts';
import { readEthernet, readVlan } from './ethernet.ts';
import { readIcmp } from './icmp.ts';
import { readIcmpv6 } from './icmpv6.ts';
import { readIpv4 } from './ipv4.ts';
import { readIpv6 } from './ipv6.ts';
import type { HeaderLayer, Layer, MalformedLayer, Protocol } from './layer.ts';
import { acceptLocalOffload } from './local-offload.ts';
import type { Next, Part, Reader, Reading } from './part.ts';
import { readTcp } from './tcp.ts';
import { readUdp } from './udp.ts';
import { readVxlan, VXLAN_PORT } from './vxlan.ts';

const readers: Record<Protocol, Reader> = {
  ethernet: readEthernet,
  vlan: readVlan,
  arp: readArp,
  ipv4: readIpv4,
  ipv6: readIpv6,
  udp: readUdp,
  tcp: readTcp,
  icmp: readIcmp,
  icmpv6: readIcmpv6,
  vxlan: readVxlan,
};

/** A tunnel in a tunnel is legitimate (a container that runs its own overlay); deeper nesting stays payload. */
const MAX_TUNNELS = 4;

/**
 * Reads an Ethernet frame outside in, through every VXLAN tunnel on `vxlanPorts`. Total: any bytes give layers
 * whose spans cover the frame, with a `malformed` layer where a promise is broken; it never throws. A capture cut
 * by its snap length is decoded as far as it goes and ends in an empty `malformed` layer that names the header
 * whose length was not met.
 */
export function decodeFrame(frame: Uint8Array, vxlanPorts: Iterable<number> = [VXLAN_PORT]): Layer[] {
  const ports = new Set(vxlanPorts);
  const layers: Layer[] = [];
  const tail: Layer[] = [];
  let depth = 0;
  let part: Part = { frame, start: 0, end: frame.length, complete: true };
  let protocol: Next['protocol'] = 'ethernet';

  while (protocol !== 'payload') {
    const { layer, next }: Reading = readers[protocol](part);
    layers.push({ ...layer, depth });
    if (next === undefined) return finish(frame, layers, tail);

    const cut = next.end > part.end && part.complete && !next.fragment;
    if (cut) tail.push({ ...shortfall(layer, next.end, part.end), depth });
    if (next.end < part.end) tail.push({ layer: 'padding', start: next.end, end: part.end, depth });

    if (layer.layer === 'vxlan') depth++;
    protocol = depth < MAX_TUNNELS && isTunnel(layer, ports) ? 'vxlan' : next.protocol;
    part = {
      frame,
      start: layer.end,
      end: Math.min(next.end, part.end),
      complete: part.complete && !cut && !next.fragment,
      addressSum: next.addressSum,
    };
  }
  if (part.start < part.end) layers.push({ layer: 'payload', start: part.start, end: part.end, depth });
  return finish(frame, layers, tail);
}

function isTunnel(layer: HeaderLayer, ports: Set<number>): boolean {
  return layer.layer === 'udp' && ports.has(layer.destinationPort);
}

function finish(frame: Uint8Array, layers: Layer[], tail: Layer[]): Layer[] {
  return acceptLocalOffload(frame, [...layers, ...tail.reverse()]);
}

function shortfall(layer: HeaderLayer, promised: number, end: number): MalformedLayer {
  const why = `${promised - layer.end} bytes promised, ${end - layer.end} are here`;
  return { layer: 'malformed', at: layer.layer, why, start: end, end };
}
