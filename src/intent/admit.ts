import type { Rejection } from '#model/fault.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Wish } from '#model/wish.ts';
import type { Admitted, Chance } from './admitted.ts';
import { attachEndpoint } from './attach-endpoint.ts';
import { createNetwork } from './create-network.ts';
import { detachEndpoint } from './detach-endpoint.ts';
import { evictHost } from './evict-host.ts';
import type { Pools } from './pools.ts';
import { publishEndpoint } from './publish-endpoint.ts';
import { registerHost } from './register-host.ts';
import { removeHost } from './remove-host.ts';
import { removeNetwork } from './remove-network.ts';
import { returnBlock } from './return-block.ts';

/**
 * Decides on a wish: the changes that make it so, or every reason why not. Pure: reads the snapshot, changes
 * nothing, and gives the same answer for the same wish, snapshot and chance. The changes hold for that snapshot
 * only: commit them against its revision, and when somebody was quicker, admit again.
 */
export function admit(
  wish: Wish,
  snapshot: SnapshotView,
  chance: Chance,
  options: { readonly pools: Pools },
): Admitted | Rejection {
  switch (wish.wish) {
    case 'register-host':
      return registerHost(wish, snapshot, chance);
    case 'remove-host':
      return removeHost(wish, snapshot);
    case 'evict-host':
      return evictHost(wish, snapshot);
    case 'return-block':
      return returnBlock(wish, snapshot);
    case 'create-network':
      return createNetwork(wish, snapshot, chance, options.pools);
    case 'remove-network':
      return removeNetwork(wish, snapshot);
    case 'attach-endpoint':
      return attachEndpoint(wish, snapshot, chance);
    case 'publish-endpoint':
      return publishEndpoint(wish, snapshot);
    case 'detach-endpoint':
      return detachEndpoint(wish, snapshot);
  }
}
