import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { put, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { RemovePeer } from '#model/wish.ts';
import { findPeer } from './add-peer.ts';
import { type Admitted, admitted } from './admitted.ts';
import { giveBack } from './exceptions.ts';
import { complete, noFaults } from './faults.ts';
import { findNetwork } from './find-record.ts';
import { hintNames } from './hint-names.ts';

/** The hosts forget its VTEP and who is behind it. The absent is a rejection. */
export function removePeer(wish: RemovePeer, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  const peer = network && findPeer(snapshot, network, wish.peer);
  if (network && !peer) {
    const names = Array.from(snapshot.inNetwork(network.id).peers.values(), ({ name }) => name);
    const hint = hintNames(wish.peer, names, `\`weft peer add ${network.name}\` adds one`);
    faults.absent.push(fault('peer', wish.peer, `is not in network ${network.name}`, hint));
  }
  const found = complete(faults, { peer });
  if (isRejection(found)) return found;
  const held = found.peer.endpoints.map(({ addresses }) => ({ network: found.peer.network, addresses }));
  return admitted([remove(found.peer), ...giveBack(snapshot, held).map(put)], found.peer);
}
