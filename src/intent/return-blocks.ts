import { isRejection, type Rejection } from '#model/fault.ts';
import { put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { ReturnBlocks } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { complete, noFaults } from './faults.ts';
import { findHost } from './find-record.ts';
import { isInUse } from './own-blocks.ts';

/**
 * A host gives its blocks in a network back: they retire, and are free once all peers have applied that. Idempotent:
 * without blocks, or without the network, nothing changes; nor while the host has an endpoint there (again), as it
 * may have been given one while the wish was on its way.
 */
export function returnBlocks(wish: ReturnBlocks, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const found = complete(faults, { host: findHost(faults, snapshot, wish.host) });
  if (isRejection(found)) return found;
  const { blocks, endpointCount } = snapshot.inNetwork(wish.network);
  if (endpointCount.has(found.host.id)) return admitted([], found.host);
  const retired = snapshot.revision + 1;
  const own = [...blocks.values()].filter((block) => block.host === found.host.id && isInUse(block));
  return admitted(
    own.map((block) => put({ ...block, retired })),
    found.host,
  );
}
