import { cidrsOverlap } from '#model/cidr.ts';
import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { createId } from '#model/id.ts';
import type { Family, Ip } from '#model/ip.ts';
import { type Endpoint, type Exposure, type Host, type Network, put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { ExposeNetwork } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { isSpecific } from './allocate-subnet.ts';
import { checkAddresses, checkHost } from './attach-endpoint.ts';
import { complete, type Faults, noFaults, rejection } from './faults.ts';
import { findHost, findNetwork } from './find-record.ts';
import { readAddresses } from './read-endpoint.ts';
import { checkTwoHosts, futureMode } from './two-hosts.ts';

/** The host takes part in the network itself from now on; its agent gives it an endpoint. Idempotent. */
export function exposeNetwork(
  wish: ExposeNetwork,
  snapshot: SnapshotView,
  chance: Chance,
): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  const host = findHost(faults, snapshot, wish.host);
  const addresses = readAddresses(faults, wish.addresses);
  const there = network && host && findExposure(snapshot, network, host);
  if (there) {
    checkRepetition(faults, [...addresses.values()], there, wish);
    return rejection(faults) ?? admitted([], there);
  }
  if (network?.adopts) {
    const fix = 'give the host an address on its own bridge, with `ip address add`';
    faults.conflict.push(fault('network', wish.network, 'is of adopted bridges', fix));
  }
  if (network && host) {
    checkAddresses(faults, notOwn(addresses, network, host, snapshot), network, snapshot);
    checkHost(faults, network, host);
    checkTwoHosts(faults, 'host', host.name, network, futureMode(network), snapshot, host.id);
    checkOverlap(faults, wish, network, host, snapshot);
  }
  const found = complete(faults, { network, host });
  if (isRejection(found)) return found;
  const exposure: Exposure = {
    kind: 'exposure',
    id: createId(chance.now, chance.entropy),
    network: found.network.id,
    host: found.host.id,
    addresses: [...addresses.values()],
  };
  return admitted([put(exposure)], exposure);
}

export const findExposure = (snapshot: SnapshotView, { id }: Network, host: Host): Exposure | undefined =>
  [...snapshot.inNetwork(id).exposures.values()].find((exposure) => exposure.host === host.id);

/** The host itself as an endpoint. */
export const ownEndpointOf = (
  snapshot: SnapshotView,
  { network, host }: Pick<Exposure, 'network' | 'host'>,
): Endpoint | undefined =>
  [...snapshot.inNetwork(network).endpoints.on(host)].find(({ runtime }) => runtime === 'host');

/** Hidden a moment ago, the host may not have left yet: what it gives back it may have again. */
function notOwn(
  addresses: ReadonlyMap<Family, Ip>,
  { id: network }: Network,
  { id: host }: Host,
  snapshot: SnapshotView,
): Map<Family, Ip> {
  const own = ownEndpointOf(snapshot, { network, host })?.addresses ?? [];
  return new Map([...addresses].filter(([, ip]) => !own.includes(ip)));
}

/** Those that it has may have been given to it: only what was asked for before is known here. */
function checkRepetition(
  faults: Faults,
  addresses: readonly Ip[],
  there: Exposure,
  { network, host }: ExposeNetwork,
): void {
  for (const ip of addresses) {
    if (there.addresses.includes(ip)) continue;
    const problem = `is not what host ${host} is in network ${network} with already`;
    faults.conflict.push(
      fault('ip', ip, problem, `hide it first (weft hide ${network}), then expose it anew`),
    );
  }
}

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
