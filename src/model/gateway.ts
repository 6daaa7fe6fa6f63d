import { addressAt, type Cidr, type InterfaceAddress, interfaceAddress } from './cidr.ts';
import type { Id } from './id.ts';
import { idToWords } from './id-words.ts';
import type { Family } from './ip.ts';
import type { Mac } from './mac.ts';
import type { Vni } from './vni.ts';

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

/**
 * Where the addresses of all ways out are: of each network a pair, by its VNI, so that no two on a host clash, and
 * none with what anybody routes. Reserved for future use (RFC 1112, 4), and never seen outside the host.
 */
export const RELAY_RANGES = { 4: '240.0.0.0/7', 6: 'fd77:6566:7400::/64' } as {
  readonly [F in Family]: Cidr;
};
const PAIR_PREFIX_LENGTHS = { 4: 31, 6: 127 } as const;

/** The two ends of a network's way out: the host's and the one in the network's own namespace. */
export function relayAddresses(
  vni: Vni,
  family: Family,
): { host: InterfaceAddress; overlay: InterfaceAddress } {
  const at = (offset: bigint) =>
    interfaceAddress(addressAt(RELAY_RANGES[family], BigInt(vni) * 2n + offset), PAIR_PREFIX_LENGTHS[family]);
  return { host: at(0n), overlay: at(1n) };
}
