import { type Cidr, prefixLengthOf } from '#model/cidr.ts';
import type { Family } from '#model/ip.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { freeRanges } from './free-ranges.ts';
import type { Pools } from './pools.ts';

/** The lowest subnet of the pool that no network has, no host routes, and is free of `except`; undefined when there is none. */
export function allocateSubnet(
  family: Family,
  pools: Pools,
  snapshot: SnapshotView,
  except: readonly Cidr[] = [],
): Cidr | undefined {
  const [pool, prefixLength] = family === 4 ? [pools.ipv4, pools.ipv4PrefixLength] : [pools.ipv6, 64];
  const taken = [...takenSubnets(snapshot), ...except];
  const [free] = freeRanges(pool, Math.max(prefixLength, prefixLengthOf(pool)), taken);
  return free;
}

function* takenSubnets(snapshot: SnapshotView): Generator<Cidr> {
  for (const network of snapshot.networks.values()) for (const { cidr } of network.subnets) yield cidr;
  for (const host of snapshot.hosts.values()) yield* host.facts.routes.filter(isSpecific);
}

/** The default route leads everywhere and so takes nothing; a VPN lays two halves of it over the one that is there. */
export const isSpecific = (route: Cidr): boolean => prefixLengthOf(route) > 1;
