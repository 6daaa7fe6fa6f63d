import type { Rejection } from '#model/fault.ts';
import { remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { FreeBlock } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';

/**
 * A retired block whose rest is over is free again. Idempotent: an absent block, or one in use (again), stays as it
 * is. Whether the rest is over is the asker's knowledge: the controller's own.
 */
export function freeBlock({ block: id }: FreeBlock, snapshot: SnapshotView): Admitted | Rejection {
  const block = snapshot.blocks.get(id);
  return block && block.retired > 0 ? admitted([remove(block)], block) : admitted([]);
}
