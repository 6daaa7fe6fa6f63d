import { fold, sumWords } from './checksum.ts';
import { IPPROTO_UDP } from './ip-protocol.ts';
import { findLayer, type Layer, layersAt } from './layer.ts';

/**
 * When the card is to finish an inner TCP or UDP checksum, the kernel computes the outer UDP's as if it were
 * finished already (local checksum offload, `lco_csum` in include/linux/skbuff.h). Such a frame, captured before a
 * card saw it, has an outer checksum that does not match its bytes but is right: `bad` becomes `partial`.
 */
export function acceptLocalOffload(frame: Uint8Array, layers: Layer[]): Layer[] {
  const inner = layers.findLast((layer) => 'checksumState' in layer && layer.checksumState === 'partial');
  if (inner === undefined || !('checksum' in inner)) return layers;
  return layers.map((layer) => {
    const suspect = layer.layer === 'udp' && layer.checksumState === 'bad' && layer.depth < inner.depth;
    if (!suspect) return layer;
    const sum = pseudoHeaderSum(frame, layersAt(layers, layer.depth), layer.length);
    // From the finished inner checksum on, all words together are what the unfinished one, inverted, says.
    const covered = sumWords(frame, layer.start, inner.start) + (0xffff - inner.checksum);
    return fold(sum + covered) === 0xffff ? { ...layer, checksumState: 'partial' } : layer;
  });
}

function pseudoHeaderSum(frame: Uint8Array, layers: Layer[], udpLength: number): number {
  const ipv4 = findLayer(layers, 'ipv4');
  const addresses = ipv4
    ? sumWords(frame, ipv4.start + 12, ipv4.start + 20)
    : sumWords(frame, findLayer(layers, 'ipv6')!.start + 8, findLayer(layers, 'ipv6')!.start + 40);
  return addresses + IPPROTO_UDP + udpLength;
}
