import type { Id } from './id.ts';
import { idToWords } from './id-words.ts';
import type { Mac } from './mac.ts';

/** Locally administered, and hardly any endpoint's: those are random in all bytes. */
const FIRST_BYTE = 0x76;

/**
 * The MAC that a network's gateway has on every host, so that a container which moves, or asks twice, finds the same:
 * `76:…`, the rest from the random half of the network's id.
 */
export function gatewayMac(network: Id): Mac {
  const words = new Uint32Array(4);
  idToWords(network, words, 0);
  const bytes = [FIRST_BYTE, words[2]! & 255, ...[24, 16, 8, 0].map((shift) => (words[3]! >>> shift) & 255)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}
