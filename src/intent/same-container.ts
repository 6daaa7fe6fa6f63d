import { cidrsOverlap } from '#model/cidr.ts';
import { fault } from '#model/fault.ts';
import { foldName } from '#model/name.ts';
import type { Endpoint, Host, Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import type { Faults } from './faults.ts';
import type { EndpointRequest } from './read-endpoint.ts';

/** The endpoints that a container has already, in all networks. A container is known by host, runtime and id. */
export function endpointsOfContainer(
  { runtime, containerId }: EndpointRequest,
  host: Host,
  snapshot: SnapshotView,
): Endpoint[] {
  if (containerId === undefined) return [];
  return [...snapshot.endpoints.ofContainer(host.id, containerId)].filter(
    (endpoint) => endpoint.runtime === runtime,
  );
}

/** A repeated attach must ask for what is there: a fault for each thing asked for that is otherwise. */
export function checkRepetition(
  faults: Faults,
  wish: AttachEndpoint,
  request: EndpointRequest,
  present: Endpoint,
): void {
  const differ = (field: string, asked: string, has: string) => {
    const problem = `the container is in the network already as endpoint ${present.name}${has}`;
    const fix = 'ask for the same, or detach that endpoint first';
    faults.conflict.push(fault(field, asked, problem, fix));
  };
  if (request.interface && request.interface !== present.interface)
    differ('interface', request.interface, ` with interface ${present.interface}`);
  if (wish.name !== undefined && request.name && foldName(request.name) !== foldName(present.name))
    differ('name', request.name, ', another name');
  if (!sameNames(request.aliases, present.aliases))
    differ('alias', request.aliases.join(', '), ` with aliases ${present.aliases.join(', ') || '(none)'}`);
  if (request.mac && request.mac !== present.mac) differ('mac', request.mac, ` with MAC ${present.mac}`);
  for (const ip of request.addresses.values())
    if (!present.addresses.includes(ip)) differ('ip', ip, ` with address ${present.addresses.join(', ')}`);
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  const folded = new Set(a.map(foldName));
  return folded.size === b.length && b.every((name) => folded.has(foldName(name)));
}

/** Two routes to one subnet: the container's kernel would take one interface for both networks. */
export function checkSubnetsApart(
  faults: Faults,
  network: Network,
  others: readonly Endpoint[],
  snapshot: SnapshotView,
): void {
  for (const endpoint of others) {
    const other = snapshot.networks.get(endpoint.network)!;
    for (const { cidr } of network.subnets) {
      const overlapping = other.subnets.find((each) => cidrsOverlap(each.cidr, cidr));
      if (!overlapping) continue;
      const problem = `its subnet ${cidr} overlaps ${overlapping.cidr} of network ${other.name}, which the container is in`;
      const fix = 'a container can be in one of the two: detach it there, or choose another network';
      faults.conflict.push(fault('network', network.name, problem, fix));
    }
  }
}

/** The interface asked for if no other network of the container has it, else the first free ethN. */
export function chooseInterface(
  faults: Faults,
  asked: string | undefined,
  others: readonly Endpoint[],
  snapshot: SnapshotView,
): string {
  const holder = others.find((endpoint) => endpoint.interface === asked);
  if (asked && holder) {
    const problem = `is the container's interface in network ${snapshot.networks.get(holder.network)!.name}`;
    faults.conflict.push(fault('interface', asked, problem, 'choose another one, or leave it out'));
  }
  if (asked) return asked;
  const taken = new Set(others.map((endpoint) => endpoint.interface));
  let index = 0;
  while (taken.has(`eth${index}`)) index++;
  return `eth${index}`;
}
