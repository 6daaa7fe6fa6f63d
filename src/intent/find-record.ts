import { fault } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Endpoint, Host, Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Faults } from './faults.ts';
import { hintNames } from './hint-names.ts';

/** By id or name. */
export const networkCalled = (snapshot: SnapshotView, text: string): Network | undefined =>
  snapshot.networks.get(text as Id) ?? snapshot.networkNamed(text);

/** By id or name; an unknown one adds a fault with the names that come near. */
export function findNetwork(faults: Faults, snapshot: SnapshotView, text: string): Network | undefined {
  const network = networkCalled(snapshot, text);
  if (!network) {
    const hint = hintNames(text, namesOf(snapshot.networks), '`weft network create NAME` makes one');
    faults.absent.push(fault('network', text, 'there is no such network', hint));
  }
  return network;
}

/** By id or name; an unknown one adds a fault with the names that come near. */
export function findHost(faults: Faults, snapshot: SnapshotView, text: string): Host | undefined {
  const host = snapshot.hosts.get(text as Id) ?? snapshot.hostNamed(text);
  if (!host) {
    const hint = hintNames(text, namesOf(snapshot.hosts), 'start `weft agent` on a host to register it');
    faults.absent.push(fault('host', text, 'there is no such host', hint));
  }
  return host;
}

const namesOf = (records: ReadonlyMap<Id, { readonly name: string }>): string[] =>
  Array.from(records.values(), (record) => record.name);

/** `endpoint web on host h2`: who holds what somebody else asked for. */
export function describeEndpoint(snapshot: SnapshotView, endpoint: Endpoint): string {
  return `endpoint ${endpoint.name} on host ${snapshot.hosts.get(endpoint.host)?.name ?? endpoint.host}`;
}
