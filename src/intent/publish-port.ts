import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { createId } from '#model/id.ts';
import { familyOf } from '#model/ip.ts';
import { type Endpoint, type Network, type Publication, put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { PublishPort } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { complete, type Faults, noFaults } from './faults.ts';
import { findEndpoint } from './find-endpoint.ts';
import { describeEndpoint } from './find-record.ts';
import { formatMapping, type Mapping, publicationsOf } from './publications.ts';
import { readMapping } from './read-mapping.ts';

const MAX_PORT = 65_535;

/**
 * A port of the endpoint's host leads to the endpoint from now on. Idempotent. Whether another program holds the
 * port is the host's to see.
 */
export function publishPort(wish: PublishPort, snapshot: SnapshotView, chance: Chance): Admitted | Rejection {
  const faults = noFaults();
  const endpoint = findEndpoint(faults, snapshot, wish.endpoint, wish.network);
  const mapping = readMapping(faults, wish.mapping);
  const network = endpoint && snapshot.networks.get(endpoint.network);
  if (endpoint && network) checkWay(faults, network, endpoint, mapping);
  if (endpoint && mapping) {
    const same = publicationsOf(snapshot, endpoint).find(
      (each) => formatMapping(each) === formatMapping(mapping),
    );
    if (same) return admitted([], same);
    checkFree(faults, snapshot, endpoint, mapping);
  }
  const relayPort = network && mapping && freeRelayPort(snapshot, network, mapping);
  const found = complete(faults, { endpoint, mapping, network });
  if (isRejection(found)) return found;
  if (relayPort === undefined) throw new Error('a network with 65535 publications');
  const publication: Publication = {
    kind: 'publication',
    id: createId(chance.now, chance.entropy),
    network: found.network.id,
    endpoint: found.endpoint.id,
    host: found.endpoint.host,
    ...found.mapping,
    relayPort,
  };
  return admitted([put(publication)], publication);
}

/** Answers go out by the network's gateway: who has another way out, or none, cannot be reached so. */
function checkWay(faults: Faults, network: Network, endpoint: Endpoint, mapping: Mapping | undefined): void {
  const { name, runtime } = endpoint;
  if (network.internal) {
    const fix = 'attach it to a network that is not internal, too, and publish it there';
    faults.conflict.push(fault('endpoint', name, `is in network ${network.name}, which is internal`, fix));
  } else if (runtime === 'docker' && network.gateway !== 'anycast') {
    const fix = 'use Docker’s own -p, or make the network with -o weft.gateway=anycast';
    faults.conflict.push(fault('endpoint', name, 'has Docker’s own way out', fix));
  } else if (runtime === 'host') {
    const fix = 'its ports are the host’s own: nothing needs to be published';
    faults.conflict.push(fault('endpoint', name, 'is the host itself', fix));
  }
  const family = mapping?.hostAddress && familyOf(mapping.hostAddress);
  if (family && !endpoint.addresses.some((ip) => familyOf(ip) === family)) {
    const problem = `is an IPv${family} address, and endpoint ${name} has none`;
    faults.conflict.push(fault('port', mapping.hostAddress, problem, 'leave the host address out'));
  }
}

/** Another publication of the host by the same port, to an address that it would share. */
function checkFree(
  faults: Faults,
  snapshot: SnapshotView,
  { host }: Endpoint,
  { hostAddress, hostPort, protocol }: Mapping,
): void {
  for (const other of snapshot.publications.values()) {
    if (other.host !== host || other.hostPort !== hostPort || other.protocol !== protocol) continue;
    if (hostAddress && other.hostAddress && hostAddress !== other.hostAddress) continue;
    const holder = snapshot.endpoints.get(other.endpoint);
    const whose = holder ? describeEndpoint(snapshot, holder) : `publication ${other.id}`;
    const fix = 'choose another port, or unpublish that one first';
    faults.conflict.push(fault('port', `${hostPort}/${protocol}`, `is published for ${whose} already`, fix));
  }
}

function freeRelayPort(snapshot: SnapshotView, network: Network, { protocol }: Mapping): number | undefined {
  const taken = new Set<number>();
  for (const each of snapshot.inNetwork(network.id).publications.values())
    if (each.protocol === protocol) taken.add(each.relayPort);
  for (let port = 1; port <= MAX_PORT; port++) if (!taken.has(port)) return port;
  return undefined;
}
