import { MIN_IPV6_MTU } from '#model/ip.ts';
import type { KernelObject } from '#model/kernel-state.ts';
import type { Network } from '#model/records.ts';
import { containerMtu } from './carried-mtu.ts';

/**
 * Whether a network's devices have IPv6 on a host: below its least MTU the kernel takes it off them, and a host may be
 * without it altogether. What is of IPv6 cannot be made then.
 */
export const carriesIpv6 = (network: Network, hostHasIpv6 = true): boolean =>
  hostHasIpv6 && containerMtu(network) >= MIN_IPV6_MTU;

/** What can be made: link-local addresses are everywhere else. */
export const makeable = (objects: Iterable<KernelObject>, ipv6: boolean): Iterable<KernelObject> =>
  ipv6 ? objects : withoutIpv6(objects);

function* withoutIpv6(objects: Iterable<KernelObject>): Generator<KernelObject> {
  for (const object of objects) if (!isOfIpv6(object)) yield object;
}

/** Neighbours aside, which are rows of a table. */
export function isOfIpv6(object: KernelObject): boolean {
  if (object.kind === 'address') return object.address.includes(':');
  if (object.kind === 'route') return object.destination.includes(':');
  return object.kind === 'setting' && object.name.startsWith('net/ipv6/');
}
