import { cidrsOverlap } from '#model/cidr.ts';
import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { createId } from '#model/id.ts';
import { type Exposure, type Host, type Network, put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { ExposeNetwork } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { isSpecific } from './allocate-subnet.ts';
import { complete, type Faults, noFaults } from './faults.ts';
import { findHost, findNetwork } from './find-record.ts';

/** The host takes part in the network itself from now on; its agent gives it an endpoint. Idempotent. */
export function exposeNetwork(
  wish: ExposeNetwork,
  snapshot: SnapshotView,
  chance: Chance,
): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  const host = findHost(faults, snapshot, wish.host);
  const there = network && host && findExposure(snapshot, network, host);
  if (there) return admitted([], there);
  if (network?.adopts) {
    const fix = 'give the host an address on its own bridge, with `ip address add`';
    faults.conflict.push(fault('network', wish.network, 'is of adopted bridges', fix));
  }
  if (network && host) checkOverlap(faults, wish, network, host, snapshot);
  const found = complete(faults, { network, host });
  if (isRejection(found)) return found;
  const exposure: Exposure = {
    kind: 'exposure',
    id: createId(chance.now, chance.entropy),
    network: found.network.id,
    host: found.host.id,
  };
  return admitted([put(exposure)], exposure);
}

export const findExposure = (snapshot: SnapshotView, { id }: Network, host: Host): Exposure | undefined =>
  [...snapshot.inNetwork(id).exposures.values()].find((exposure) => exposure.host === host.id);

/** The host has one table of routes: of two networks, or of a network and its LAN, one would be lost to it. */
function checkOverlap(
  faults: Faults,
  { allowOverlap }: ExposeNetwork,
  network: Network,
  host: Host,
  snapshot: SnapshotView,
): void {
  for (const { cidr } of network.subnets) {
    for (const exposure of snapshot.exposures.values()) {
      const other = snapshot.networks.get(exposure.network);
      const both = other?.subnets.find((each) => cidrsOverlap(each.cidr, cidr));
      if (exposure.host !== host.id || !both) continue;
      const problem = `has subnet ${cidr}, and ${both.cidr} of network ${other!.name} is exposed on host ${host.name}`;
      const fix = `hide that one first (weft hide ${other!.name}), or expose it on another host`;
      faults.conflict.push(fault('network', network.name, problem, fix));
    }
    const route = host.facts.routes.find((each) => isSpecific(each) && cidrsOverlap(each, cidr));
    if (!route || allowOverlap) continue;
    const problem = `has subnet ${cidr}, and host ${host.name} routes ${route}`;
    const fix = 'expose it on another host, or say --allow-overlap: the longer prefix is taken';
    faults.conflict.push(fault('network', network.name, problem, fix));
  }
}
