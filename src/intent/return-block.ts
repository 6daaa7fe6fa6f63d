import type { Rejection } from '#model/fault.ts';
import { remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { ReturnBlock } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';

/**
 * A retired block whose rest is over is free again. Idempotent: an absent block, or one in use (again), stays as it
 * is. Whether the rest is over is the asker's knowledge: the controller's own.
 */
export function returnBlock({ block: id }: ReturnBlock, snapshot: SnapshotView): Admitted | Rejection {
  const block = snapshot.blocks.get(id);
  return block && block.retired > 0 ? admitted([remove(block)], block) : admitted([]);
}
