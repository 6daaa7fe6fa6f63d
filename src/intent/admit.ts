import type { Rejection } from '#model/fault.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Wish } from '#model/wish.ts';
import { acquireBlocks } from './acquire-blocks.ts';
import { addPeer } from './add-peer.ts';
import type { Admitted, Chance } from './admitted.ts';
import { adoptBridge } from './adopt-bridge.ts';
import { advanceChange } from './advance-change.ts';
import type { IsBarred } from './allocate-address.ts';
import { attachEndpoint } from './attach-endpoint.ts';
import { changeNetwork } from './change-network.ts';
import { createNetwork } from './create-network.ts';
import { detachEndpoint } from './detach-endpoint.ts';
import { disownBridge } from './disown-bridge.ts';
import { evictHost } from './evict-host.ts';
import { exposeNetwork } from './expose-network.ts';
import { freeBlock } from './free-block.ts';
import { hideNetwork } from './hide-network.ts';
import type { Pools } from './pools.ts';
import { publishEndpoint } from './publish-endpoint.ts';
import { publishPort } from './publish-port.ts';
import { publishStations } from './publish-stations.ts';
import { registerHost } from './register-host.ts';
import { removeHost } from './remove-host.ts';
import { removeNetwork } from './remove-network.ts';
import { removePeer } from './remove-peer.ts';
import { repairAddresses } from './repair-addresses.ts';
import { returnBlocks } from './return-blocks.ts';
import { unpublishPort } from './unpublish-port.ts';

export interface AdmitOptions {
  readonly pools: Pools;
  /** Addresses that only a host that cannot be heard could make room for: none is chosen for anybody. */
  readonly isBarred?: IsBarred;
}

/**
 * Decides on a wish: the changes that make it so, or every reason why not. Pure: reads the snapshot, changes
 * nothing, and gives the same answer for the same wish, snapshot and chance. The changes hold for that snapshot
 * only: commit them against its revision, and when somebody was quicker, admit again.
 */
export function admit(
  wish: Wish,
  snapshot: SnapshotView,
  chance: Chance,
  options: AdmitOptions,
): Admitted | Rejection {
  switch (wish.wish) {
    case 'register-host':
      return registerHost(wish, snapshot, chance);
    case 'remove-host':
      return removeHost(wish, snapshot);
    case 'evict-host':
      return evictHost(wish, snapshot);
    case 'acquire-blocks':
      return acquireBlocks(wish, snapshot, chance);
    case 'return-blocks':
      return returnBlocks(wish, snapshot);
    case 'free-block':
      return freeBlock(wish, snapshot);
    case 'repair-addresses':
      return repairAddresses(snapshot);
    case 'create-network':
      return createNetwork(wish, snapshot, chance, options.pools);
    case 'change-network':
      return changeNetwork(wish, snapshot);
    case 'advance-change':
      return advanceChange(wish, snapshot);
    case 'remove-network':
      return removeNetwork(wish, snapshot);
    case 'add-peer':
      return addPeer(wish, snapshot, chance);
    case 'remove-peer':
      return removePeer(wish, snapshot);
    case 'attach-endpoint':
      return attachEndpoint(wish, snapshot, chance, options.isBarred);
    case 'publish-endpoint':
      return publishEndpoint(wish, snapshot);
    case 'detach-endpoint':
      return detachEndpoint(wish, snapshot);
    case 'publish-port':
      return publishPort(wish, snapshot, chance);
    case 'unpublish-port':
      return unpublishPort(wish, snapshot);
    case 'expose-network':
      return exposeNetwork(wish, snapshot, chance);
    case 'hide-network':
      return hideNetwork(wish, snapshot);
    case 'adopt-bridge':
      return adoptBridge(wish, snapshot, chance, options.pools);
    case 'disown-bridge':
      return disownBridge(wish, snapshot);
    case 'publish-stations':
      return publishStations(wish, snapshot);
  }
}
