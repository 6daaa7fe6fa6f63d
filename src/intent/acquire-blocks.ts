import { isRejection, type Rejection } from '#model/fault.ts';
import { put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AcquireBlocks } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { allocateBlocks, hasPlenty } from './allocate-block.ts';
import { complete, noFaults } from './faults.ts';
import { findHost, findNetwork } from './find-record.ts';
import { ownBlocks, ownedBy } from './own-blocks.ts';

/**
 * More blocks for a host that will soon need them, so that no attach waits for the controller. Only where there are
 * plenty, and the host has some: one that gave its blocks back, or was evicted, while the wish was on its way needs none.
 * Idempotent: once it has others than it knew of, nothing changes.
 */
export function acquireBlocks(
  wish: AcquireBlocks,
  snapshot: SnapshotView,
  chance: Chance,
): Admitted | Rejection {
  const faults = noFaults();
  const sought = findHost(faults, snapshot, wish.host);
  const found = complete(faults, { host: sought, network: findNetwork(faults, snapshot, wish.network) });
  if (isRejection(found)) return found;
  const { host, network } = found;
  const records = snapshot.inNetwork(network.id);
  const own = ownedBy(host, records.blocks);
  if (own.length !== wish.owned) return admitted([], host);
  const subnets = network.subnets.filter(
    (subnet) =>
      wish.subnets.includes(subnet.cidr) &&
      hasPlenty(subnet, records) &&
      ownBlocks(own, subnet, host).length > 0,
  );
  const blocks = subnets.flatMap((subnet) => allocateBlocks(subnet, network, host, snapshot, chance));
  return admitted(blocks.map(put), host);
}
