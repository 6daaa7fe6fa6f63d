import { cidrContains } from '#model/cidr.ts';
import { fault, type Rejection } from '#model/fault.ts';
import type { Ip } from '#model/ip.ts';
import { type Endpoint, type Host, put, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { PublishEndpoint } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { noFaults, rejection } from './faults.ts';
import { describeEndpoint, findHost, findNetwork } from './find-record.ts';
import { ownsBlock } from './own-blocks.ts';

/**
 * Takes an endpoint that a host admitted by itself into the records: new addresses must come from blocks that the
 * host owns in its present epoch, and be nobody else's. Idempotent: the same or an older generation changes nothing.
 */
export function publishEndpoint({ endpoint }: PublishEndpoint, snapshot: SnapshotView): Admitted | Rejection {
  const known = snapshot.endpoints.get(endpoint.id);
  if (known && known.generation >= endpoint.generation) return admitted([], known);
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, endpoint.network);
  const others = holdersOf(snapshot, endpoint);
  const host = findHost(faults, snapshot, endpoint.host);
  if (host && network) {
    for (const ip of endpoint.addresses.filter((each) => !known?.addresses.includes(each)))
      if (!ownsAddress(snapshot, endpoint, host, ip)) faults.conflict.push(unowned(host, ip));
    for (const holder of others) {
      if (holder.host === host.id) continue;
      const problem = `has what ${describeEndpoint(snapshot, holder)} has`;
      faults.conflict.push(fault('endpoint', endpoint.name, problem, 'detach it and attach it again'));
    }
  }
  // Of its own endpoints a host knows best: one in the way was granted to a request that it gave up.
  return rejection(faults) ?? admitted([...others.map(remove), put(endpoint)], endpoint);
}

const ownsAddress = (snapshot: SnapshotView, { network }: Endpoint, host: Host, ip: Ip): boolean =>
  [...snapshot.inNetwork(network).blocks.values()].some(
    (block) => ownsBlock(host, block) && cidrContains(block.cidr, ip),
  );

const unowned = ({ name }: Host, ip: Ip) =>
  fault('ip', ip, `is in no block that host ${name} owns`, 'detach the endpoint and attach it again');

/** Others with the same MAC or an address of it. */
function holdersOf(snapshot: SnapshotView, endpoint: Endpoint): Endpoint[] {
  const { endpoints, endpointByIp, endpointByMac } = snapshot.inNetwork(endpoint.network);
  const ids = new Set([
    ...endpoint.addresses.map((ip) => endpointByIp.get(ip)),
    endpointByMac.get(endpoint.mac),
  ]);
  return [...ids].flatMap((id) => (id && id !== endpoint.id ? [endpoints.get(id)!] : []));
}
