import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { decodeFrame } from '#packet/decode.ts';
import { encodeArpReply, encodeNeighbourAdvertisement } from '#packet/encode-frame.ts';
import { findLayer } from '#packet/layer.ts';

/** Who has this address? */
export interface Question {
  readonly ip: Ip;
  /** Without an address while it only tries out one: a probe, duplicate address detection. */
  readonly asker: { readonly mac: Mac; readonly ip?: Ip };
}

const UNSPECIFIED = ['0.0.0.0', '::'];

/** Undefined when the frame asks nothing, or is broken. The answer goes to the MAC that the frame came from. */
export function readQuestion(frame: Uint8Array): Question | undefined {
  const layers = decodeFrame(frame);
  const mac = findLayer(layers, 'ethernet')?.source;
  const arp = findLayer(layers, 'arp');
  const icmp = findLayer(layers, 'icmpv6')?.message;
  const [target, sender] = arp
    ? [arp.targetIp, arp.senderIp]
    : icmp?.kind === 'neighbour-solicitation'
      ? [icmp.target, findLayer(layers, 'ipv6')?.source]
      : [];
  if (!mac || !target || !sender) return undefined;
  const ip = UNSPECIFIED.includes(sender) ? undefined : (sender as Ip);
  return { ip: target as Ip, asker: { mac: mac as Mac, ip } };
}

/** What the owner of the address would say, or the kernel for it: `asked.ip is-at mac`. */
export function answerFrame({ ip, asker }: Question, mac: Mac): Uint8Array {
  const owner = { ip, mac };
  if (!ip.includes(':')) return encodeArpReply(owner, { mac: asker.mac, ip: asker.ip ?? '0.0.0.0' });
  return encodeNeighbourAdvertisement(owner, asker.ip && { mac: asker.mac, ip: asker.ip });
}
