import { fault, isRejection, type Rejection, take } from '#model/fault.ts';
import { createId } from '#model/id.ts';
import { parseInterfaceName } from '#model/name.ts';
import { type Adoption, type Host, type Network, put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AdoptBridge } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { createNetwork } from './create-network.ts';
import { complete, type Faults, noFaults } from './faults.ts';
import { findHost } from './find-record.ts';
import type { Pools } from './pools.ts';
import { checkTwoHosts, futureMode } from './two-hosts.ts';

/**
 * The bridge is part of the network from now on, which is made if there is none of that name. Idempotent: an adopted
 * bridge in its own network needs no change. That there is such a bridge is the host's to see.
 */
export function adoptBridge(
  wish: AdoptBridge,
  snapshot: SnapshotView,
  chance: Chance,
  pools: Pools,
): Admitted | Rejection {
  const faults = noFaults();
  const host = findHost(faults, snapshot, wish.host);
  const bridge = take(faults.invalid, 'bridge', wish.bridge, parseInterfaceName(wish.bridge));
  const known = [...snapshot.networks.values()].find(({ id }) => id === wish.network);
  const there = known ?? snapshot.networkNamed(wish.network);
  const made = there ? undefined : makeNetwork(faults, wish, snapshot, chance, pools);
  if (there) checkNetwork(faults, wish, there);
  const adopted = host && bridge !== undefined ? findAdoption(snapshot, host, bridge) : undefined;
  if (host && adopted?.network !== there?.id) refuseTwice(faults, wish, snapshot, host, adopted, there);
  if (host && there) checkTwoHosts(faults, 'host', host.name, there, futureMode(there), snapshot, host.id);
  const found = complete(faults, { host, bridge, network: there ?? made });
  if (isRejection(found)) return found;
  if (adopted) return admitted([], adopted);
  const adoption: Adoption = {
    kind: 'adoption',
    id: createId(chance.now, chance.entropy),
    network: found.network.id,
    host: found.host.id,
    bridge: found.bridge,
    stations: [],
  };
  return admitted([...(there ? [] : [put(found.network)]), put(adoption)], adoption);
}

/** The adoption of a host's bridge, if it is adopted. */
export const findAdoption = (snapshot: SnapshotView, host: Host, bridge: string): Adoption | undefined =>
  [...snapshot.adoptions.values()].find((each) => each.host === host.id && each.bridge === bridge);

function makeNetwork(
  faults: Faults,
  { network, mode, vni, port, underlay, ttl }: AdoptBridge,
  snapshot: SnapshotView,
  chance: Chance,
  pools: Pools,
): Network | undefined {
  const words = { name: network, subnets: [], gateways: [], mode, vni, port, underlay, ttl };
  const made = createNetwork(
    { wish: 'create-network', ...words, adopts: true, allowOverlap: false },
    snapshot,
    chance,
    pools,
  );
  if (!isRejection(made)) return made.subject as Network;
  for (const each of made.faults)
    faults.invalid.push(each.field === 'name' ? { ...each, field: 'network' } : each);
  return undefined;
}

function checkNetwork(faults: Faults, wish: AdoptBridge, network: Network): void {
  if (!network.adopts) {
    const problem = 'has bridges and addresses of Weft’s own';
    const fix = 'name another network; one that is not there yet is made';
    faults.conflict.push(fault('network', wish.network, problem, fix));
  }
  for (const field of ['mode', 'vni', 'port', 'underlay', 'ttl'] as const) {
    const [wished, is] = [wish[field], network[field]];
    if (wished === undefined || wished === is) continue;
    const problem = `is not that of network ${network.name}, which is there already (${is})`;
    faults.conflict.push(fault(field, wished, problem, 'leave it out, or name another network'));
  }
}

/** A bridge in two networks would join them; two bridges of a host in one network need the same VNI on one host. */
function refuseTwice(
  faults: Faults,
  wish: AdoptBridge,
  snapshot: SnapshotView,
  host: Host,
  adopted: Adoption | undefined,
  network: Network | undefined,
): void {
  if (adopted) {
    const name = snapshot.networks.get(adopted.network)?.name ?? adopted.network;
    const fix = `weft network disown ${wish.bridge}, then adopt it anew`;
    faults.conflict.push(fault('bridge', wish.bridge, `is adopted by network ${name} already`, fix));
  }
  const other = [...snapshot.adoptions.values()].find(
    (each) => each.host === host.id && each.network === network?.id,
  );
  if (other) {
    const problem = `has bridge ${other.bridge} of host ${host.name} already`;
    const fix = 'a network takes one bridge of each host: name another network';
    faults.conflict.push(fault('network', wish.network, problem, fix));
  }
}
