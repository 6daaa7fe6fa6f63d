import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { HideNetwork } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { findExposure } from './expose-network.ts';
import { complete, noFaults } from './faults.ts';
import { findHost, findNetwork } from './find-record.ts';
import { hintNames } from './hint-names.ts';

/** The host takes part no more; its agent gives its address back. */
export function hideNetwork(wish: HideNetwork, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  const host = findHost(faults, snapshot, wish.host);
  const exposure = network && host && findExposure(snapshot, network, host);
  if (network && host && !exposure) {
    const names = [...snapshot.exposures.values()]
      .filter((each) => each.host === host.id)
      .flatMap((each) => snapshot.networks.get(each.network)?.name ?? []);
    const fix = hintNames(wish.network, names, '`weft expose NETWORK` exposes one');
    faults.absent.push(fault('network', wish.network, `is not exposed on host ${host.name}`, fix));
  }
  const found = complete(faults, { exposure });
  return isRejection(found) ? found : admitted([remove(found.exposure)], found.exposure);
}
