import { fault, isRejection, type Rejection } from '#model/fault.ts';
import type { Notice } from '#model/notice.ts';
import { type Host, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { DisownBridge } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { findAdoption } from './adopt-bridge.ts';
import { complete, noFaults } from './faults.ts';
import { findHost } from './find-record.ts';
import { nameOf } from './finding.ts';
import { hintNames } from './hint-names.ts';
import { listSome } from './list-some.ts';

/** The bridge is its owner's alone again. The network stays, also without any. */
export function disownBridge(wish: DisownBridge, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const host = findHost(faults, snapshot, wish.host);
  const adoption = host && findAdoption(snapshot, host, wish.bridge);
  if (host && !adoption) {
    const fix = hintAdoptions(wish.bridge, snapshot, host);
    faults.absent.push(fault('bridge', wish.bridge, `is not adopted on host ${host.name}`, fix));
  }
  const found = complete(faults, { adoption });
  if (isRejection(found)) return found;
  return admitted([remove(found.adoption)], found.adoption, lastOneNotices(snapshot, found.adoption.network));
}

/** Where a bridge of that name is adopted, else what the host has instead. */
function hintAdoptions(bridge: string, snapshot: SnapshotView, host: Host): string {
  const adoptions = [...snapshot.adoptions.values()];
  const hosts = adoptions.filter((each) => each.bridge === bridge).map((each) => nameOf(snapshot, each.host));
  if (hosts.length > 0) return `it is on ${listSome(hosts)}: \`weft network disown ${bridge}\` there`;
  const own = adoptions.filter((each) => each.host === host.id).map((each) => each.bridge);
  return hintNames(bridge, own, '`weft network adopt BRIDGE` adopts one');
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
