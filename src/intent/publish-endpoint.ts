import { type Fault, fault, type Rejection, reject } from '#model/fault.ts';
import type { Ip } from '#model/ip.ts';
import { type Endpoint, type Host, put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { PublishEndpoint } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { giveBack } from './exceptions.ts';
import { noFaults, rejection } from './faults.ts';
import { describeEndpoint, findHost, findNetwork } from './find-record.ts';
import { ownBlockWith } from './own-blocks.ts';

/**
 * Takes an endpoint that a host admitted by itself into the records: new addresses must come from blocks that the
 * host owns in its present epoch, and be nobody else's. Idempotent: the same or an older generation changes nothing.
 */
export function publishEndpoint({ endpoint }: PublishEndpoint, snapshot: SnapshotView): Admitted | Rejection {
  const known = snapshot.endpoints.get(endpoint.id);
  if (known && (known.host !== endpoint.host || known.network !== endpoint.network)) {
    const problem = `is the id of ${describeEndpoint(snapshot, known)}`;
    return reject('forbidden', fault('endpoint', endpoint.id, problem, ANEW));
  }
  if (known && known.generation >= endpoint.generation) return admitted([], known);
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, endpoint.network);
  const own: Fault[] = [];
  const host = findHost(faults, snapshot, endpoint.host);
  if (host && network) {
    for (const ip of endpoint.addresses.filter((each) => !known?.addresses.includes(each)))
      if (!ownBlockWith(ip, endpoint.network, host, snapshot)) faults.conflict.push(unowned(host, ip));
    for (const holder of holdersOf(snapshot, endpoint)) {
      const problem = `has what ${describeEndpoint(snapshot, holder)} has`;
      if (holder.host === host.id) own.push(fault('endpoint', endpoint.name, problem, GIVEN_BACK));
      else faults.conflict.push(fault('endpoint', endpoint.name, problem, 'detach it and attach it again'));
    }
  }
  const refused = rejection(faults) ?? (own.length > 0 ? reject('unavailable', ...own) : undefined);
  if (refused) return refused;
  const left = known ? known.addresses.filter((ip) => !endpoint.addresses.includes(ip)) : [];
  const freed = giveBack(snapshot, [{ network: endpoint.network, addresses: left }]);
  return admitted([put(endpoint), ...freed.map(put)], endpoint);
}

const ANEW = 'detach the endpoint and attach it again';

/** A host does not give twice: one of them was granted to a request that it gave up, and goes when it hears of it. */
const GIVEN_BACK = 'nothing to do: the host gives the other back, and tells of this one again';

const unowned = ({ name }: Host, ip: Ip) => fault('ip', ip, `is in no block that host ${name} owns`, ANEW);

/** Others with the same MAC or an address of it. */
function holdersOf(snapshot: SnapshotView, endpoint: Endpoint): Endpoint[] {
  const { endpoints, endpointByIp, endpointByMac } = snapshot.inNetwork(endpoint.network);
  const ids = new Set([
    ...endpoint.addresses.map((ip) => endpointByIp.get(ip)),
    endpointByMac.get(endpoint.mac),
  ]);
  return [...ids].flatMap((id) => (id && id !== endpoint.id ? [endpoints.get(id)!] : []));
}
