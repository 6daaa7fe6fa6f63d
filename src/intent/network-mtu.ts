import { fault } from '#model/fault.ts';
import { MIN_IPV6_MTU } from '#model/ip.ts';
import type { Host, UnderlayFamily } from '#model/records.ts';
import { ENCAPSULATION_BYTES, hasUnderlay, innerMtu } from './encapsulation.ts';
import type { Faults } from './faults.ts';
import { readWholeNumber } from './read-field.ts';

/** Every IPv4 host takes a datagram of 576 bytes (RFC 791, 3.1). */
const MIN_IPV4_MTU = 576;
/** The length of the outer packet has 16 bits (RFC 791, 3.1; RFC 8200, 3). */
const MAX_OUTER_MTU = 65_535;
/** Ethernet's, assumed while there is no host to ask. */
const USUAL_UNDERLAY_MTU = 1500;

/**
 * What fits through the tunnel of every host that has the family. Never below what the subnets need: a host with a
 * smaller underlay is left out and told of, rather than every host made slow or IPv6 impossible.
 */
export function chooseMtu(hosts: readonly Host[], underlay: UnderlayFamily, hasIpv6: boolean): number {
  const carried = hosts.filter((host) => hasUnderlay(host, underlay)).map((host) => innerMtu(host, underlay));
  const smallest = carried.reduce(
    (least, mtu) => Math.min(least, mtu),
    carried[0] ?? USUAL_UNDERLAY_MTU - ENCAPSULATION_BYTES[underlay],
  );
  return Math.max(smallest, hasIpv6 ? MIN_IPV6_MTU : MIN_IPV4_MTU);
}

export function readMtu(
  faults: Faults,
  value: number,
  underlay: UnderlayFamily,
  hasIpv6: boolean,
): number | undefined {
  const mtu = readWholeNumber(
    faults,
    'mtu',
    value,
    MIN_IPV4_MTU,
    MAX_OUTER_MTU - ENCAPSULATION_BYTES[underlay],
  );
  if (mtu === undefined || !hasIpv6 || mtu >= MIN_IPV6_MTU) return mtu;
  const problem = `is below ${MIN_IPV6_MTU}, under which the kernel does no IPv6`;
  const fix = `give at least ${MIN_IPV6_MTU}, or only an IPv4 subnet`;
  faults.invalid.push(fault('mtu', value, problem, fix));
  return undefined;
}
