import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { RemoveNetwork } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { complete, noFaults } from './faults.ts';
import { describeEndpoint, findNetwork } from './find-record.ts';
import { listSome } from './list-some.ts';

/** Deletes the network with its blocks; refused while it has endpoints, adopted bridges or peers. The absent is a rejection. */
export function removeNetwork(wish: RemoveNetwork, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  const records = network && snapshot.inNetwork(network.id);
  if (records && records.endpoints.size > 0) {
    const holders = Array.from(records.endpoints.values(), (each) => describeEndpoint(snapshot, each));
    const runtimes = new Set(Array.from(records.endpoints.values(), ({ runtime }) => runtime));
    const ways = [
      '`weft endpoint detach`',
      ...(runtimes.has('docker') ? ['or of Docker `docker network disconnect`'] : []),
      ...(runtimes.has('host') ? [`or of a host itself \`weft hide ${network.name} --host HOST\``] : []),
    ];
    const fix = `detach them first: ${ways.join(', ')}`;
    faults.conflict.push(fault('network', wish.network, `still has ${listSome(holders)}`, fix));
  }
  if (records && records.adoptions.size > 0) {
    const holders = Array.from(
      records.adoptions.values(),
      ({ bridge, host }) => `bridge ${bridge} of host ${snapshot.hosts.get(host)?.name ?? host}`,
    );
    const fix = 'disown them first, each on its host: `weft network disown`';
    faults.conflict.push(fault('network', wish.network, `still has ${listSome(holders)}`, fix));
  }
  if (records && records.peers.size > 0) {
    const names = Array.from(records.peers.values(), ({ name }) => `peer ${name}`);
    const fix = `remove them first: \`weft peer rm ${network.name}\``;
    faults.conflict.push(fault('network', wish.network, `still has ${listSome(names)}`, fix));
  }
  const found = complete(faults, { network, records });
  if (isRejection(found)) return found;
  const { blocks, exposures } = found.records;
  const changes = [...blocks.values(), ...exposures.values(), found.network].map(remove);
  return admitted(changes, found.network);
}
