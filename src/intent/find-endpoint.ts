import { fault } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Endpoint } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Faults } from './faults.ts';
import { findNetwork } from './find-record.ts';
import { hintNames } from './hint-names.ts';
import { listSome } from './list-some.ts';

/** By id or name, within one network or all; a name that several have needs the network, or the id. */
export function findEndpoint(
  faults: Faults,
  snapshot: SnapshotView,
  text: string,
  networkText: string | undefined,
): Endpoint | undefined {
  const within = networkText === undefined ? undefined : findNetwork(faults, snapshot, networkText);
  if (networkText !== undefined && !within) return undefined;
  const byId = snapshot.endpoints.get(text as Id);
  if (byId && (!within || byId.network === within.id)) return byId;
  const networks = within ? [within.id] : [...snapshot.networks.keys()];
  const found = networks.flatMap((id) => [...snapshot.endpointsNamed(id, text)]);
  if (found.length === 1) return found[0];
  if (found.length === 0) {
    const names = networks.flatMap((id) =>
      Array.from(snapshot.inNetwork(id).endpoints.values(), ({ name }) => name),
    );
    const hint = hintNames(text, [...new Set(names)], '`weft endpoint attach` makes one');
    faults.absent.push(fault('endpoint', text, 'there is no such endpoint', hint));
    return undefined;
  }
  const where = found.map(
    ({ id, network, host }) =>
      `${id} in ${snapshot.networks.get(network)?.name} on ${snapshot.hosts.get(host)?.name ?? host}`,
  );
  // Endpoints of one network may share a name.
  const isOfOne = new Set(found.map(({ network }) => network)).size === 1;
  const fix = isOfOne ? 'give its id' : 'give its id, or the network with --network';
  faults.conflict.push(fault('endpoint', text, `is the name of ${listSome(where)}`, fix));
  return undefined;
}
