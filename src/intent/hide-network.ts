import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { type Host, type Network, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { HideNetwork } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { findExposure } from './expose-network.ts';
import { complete, noFaults } from './faults.ts';
import { findHost, findNetwork } from './find-record.ts';
import { listSome } from './list-some.ts';

/** The host takes part no more; its agent gives its address back. */
export function hideNetwork(wish: HideNetwork, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  const host = findHost(faults, snapshot, wish.host);
  const exposure = network && host && findExposure(snapshot, network, host);
  if (network && host && !exposure) {
    const problem = `is not exposed on host ${host.name}`;
    faults.absent.push(fault('network', wish.network, problem, hintExposures(snapshot, network, host)));
  }
  const found = complete(faults, { exposure });
  return isRejection(found) ? found : admitted([remove(found.exposure)], found.exposure);
}

/** Where the network is exposed, else what the host has instead. */
function hintExposures(snapshot: SnapshotView, { id }: Network, host: Host): string {
  const exposures = [...snapshot.exposures.values()];
  const hosts = exposures
    .filter((each) => each.network === id)
    .flatMap((each) => snapshot.hosts.get(each.host)?.name ?? []);
  if (hosts.length > 0) return `it is exposed on ${listSome(hosts)}: give that one as --host`;
  const networks = exposures
    .filter((each) => each.host === host.id)
    .flatMap((each) => snapshot.networks.get(each.network)?.name ?? []);
  return networks.length > 0
    ? `exposed there: ${listSome(networks)}`
    : `no network is exposed there: nothing needs to be hidden`;
}
