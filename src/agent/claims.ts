import type { Claim } from '#kernel/kernel.ts';
import type { Ip } from '#model/ip.ts';
import { isMulticastMac, type Mac } from '#model/mac.ts';
import { decodeFrame } from '#packet/decode.ts';
import { findLayer } from '#packet/layer.ts';
import type { AgentEffect } from './event.ts';
import { claim } from './holders.ts';
import { ownAdoptions } from './scope.ts';
import type { AgentState } from './state.ts';

/**
 * What those behind adopted bridges say in ARP and neighbour discovery of their own addresses. For the host's own in a
 * bridge nobody behind it speaks.
 */
export function hearClaims(state: AgentState, claims: readonly Claim[]): AgentEffect[] {
  const adoptions = new Map(ownAdoptions(state).map(({ id, bridge }) => [bridge, id]));
  for (const { bridge, frame } of claims) {
    const stations = state.stations.get(adoptions.get(bridge)!);
    const said = stations && readClaim(frame);
    if (!said || state.bridges?.get(bridge)?.addresses.includes(said.ip)) continue;
    claim(stations.holders, said.ip, said.mac, state.nowMs);
  }
  return [];
}

/** RFC 4861, 7.1: no router has forwarded it. */
const FROM_THE_LINK = 255;

/** Undefined for what is broken, and for who speaks of another's MAC than the one that he sends from. */
export function readClaim(frame: Uint8Array): { readonly ip: Ip; readonly mac: Mac } | undefined {
  const layers = decodeFrame(frame);
  const mac = findLayer(layers, 'ethernet')?.source;
  if (!mac || isMulticastMac(mac) || findLayer(layers, 'malformed')) return undefined;
  const arp = findLayer(layers, 'arp');
  const said = arp ? { ip: arp.senderIp, mac: arp.senderMac } : readDiscovery(layers);
  return said && (said.mac ?? mac) === mac ? { ip: said.ip as Ip, mac: mac as Mac } : undefined;
}

function readDiscovery(layers: ReturnType<typeof decodeFrame>): { ip: string; mac?: string } | undefined {
  const [ip, icmp] = [findLayer(layers, 'ipv6'), findLayer(layers, 'icmpv6')];
  if (!ip || ip.hopLimit !== FROM_THE_LINK || !icmp || icmp.checksumState === 'bad') return undefined;
  const { message } = icmp;
  if (message.kind === 'neighbour-solicitation') return { ip: ip.source, mac: message.sourceMac };
  if (message.kind === 'neighbour-advertisement') return { ip: message.target, mac: message.targetMac };
  return undefined;
}
