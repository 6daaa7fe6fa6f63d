import { fault, isRejection, type Rejection } from '#model/fault.ts';
import type { Notice } from '#model/notice.ts';
import { remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { DisownBridge } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { findAdoption } from './adopt-bridge.ts';
import { complete, noFaults } from './faults.ts';
import { findHost } from './find-record.ts';
import { hintNames } from './hint-names.ts';

/** The bridge is its owner's alone again. The network stays, also without any. */
export function disownBridge(wish: DisownBridge, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const host = findHost(faults, snapshot, wish.host);
  const adoption = host && findAdoption(snapshot, host, wish.bridge);
  if (host && !adoption) {
    const own = [...snapshot.adoptions.values()].filter((each) => each.host === host.id);
    const bridges = own.map(({ bridge }) => bridge);
    const fix = hintNames(wish.bridge, bridges, '`weft network adopt BRIDGE` adopts one');
    faults.absent.push(fault('bridge', wish.bridge, `is not adopted on host ${host.name}`, fix));
  }
  const found = complete(faults, { adoption });
  if (isRejection(found)) return found;
  return admitted([remove(found.adoption)], found.adoption, lastOneNotices(snapshot, found.adoption.network));
}

function lastOneNotices(snapshot: SnapshotView, id: Parameters<SnapshotView['inNetwork']>[0]): Notice[] {
  const network = snapshot.networks.get(id);
  if (!network || snapshot.inNetwork(id).adoptions.size > 1) return [];
  return [
    {
      code: 'network-without-bridge',
      title: 'No bridge is left in the network',
      sentence: `That was the last bridge of network ${network.name}; the network stays.`,
      next: `weft network rm ${network.name}, if it is not needed any more.`,
    },
  ];
}
