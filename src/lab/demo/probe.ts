import type { Family } from '#model/ip.ts';
import { familyOf } from '#model/ip.ts';
import { run } from '../run.ts';
import type { DemoContainer, Probe, Topology } from './report.ts';

/** Two: the first may wait for ARP or ND, the second shows the path alone. */
const PINGS_EACH = 2;
const INTERVAL_S = 0.01;
const WAIT_S = 1;

export const containerLabel = ({ host, name }: DemoContainer): string => `${host}/${name}`;
export const containersOf = ({ hosts }: Topology): DemoContainer[] =>
  hosts.flatMap((host) => host.containers);

const bareIp = (address: string): string => address.slice(0, address.indexOf('/'));
const isLinkLocal = (address: string): boolean => /^fe[89ab]/i.test(address);

/** The container's own address of a family, link-local ones aside; undefined when it has none. */
export const addressOf = ({ addresses }: DemoContainer, family: Family): string | undefined =>
  addresses.map(bareIp).find((address) => familyOf(address) === family && !isLinkLocal(address));

/** Runs `ping` in the container and counts. `through` sends straight onto that interface's wire, route or not. */
export async function probe(
  from: DemoContainer,
  to: DemoContainer,
  address: string,
  signal: AbortSignal,
  through?: string,
): Promise<Probe> {
  const options = ['-n', '-q', '-c', `${PINGS_EACH}`, '-i', `${INTERVAL_S}`, '-W', `${WAIT_S}`];
  const { stdout } = await run('ping', [...options, ...(through ? ['-I', through] : []), address], {
    namespace: from.namespace,
    signal,
  });
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
  const rtt = /^rtt min\/avg\/max\/mdev = ([\d.]+)/m.exec(stdout);
  return {
    from: containerLabel(from),
    to: containerLabel(to),
    fromNetwork: from.network,
    toNetwork: to.network,
    family: familyOf(address),
    address,
    sent: Number(counts?.[1] ?? 0),
    received: Number(counts?.[2] ?? 0),
    ...(rtt && { rttMs: Number(rtt[1]) }),
  };
}

/** A probe that is still to run. */
export type PlannedProbe = (signal: AbortSignal) => Promise<Probe>;

/** All ordered pairs within each network, in both families. */
export function planReach(topology: Topology): PlannedProbe[] {
  return pairs(topology, (from, to) => from.network === to.network).flatMap(([from, to]) =>
    ([4, 6] as const).flatMap((family) => {
      const address = addressOf(to, family);
      return address === undefined ? [] : [(signal: AbortSignal) => probe(from, to, address, signal)];
    }),
  );
}

/**
 * One container of each network on each host, towards each of every other network. A container has no route to
 * another network; these probes do not need one: they go out of its interface as if the other were a neighbour on the
 * same wire (IPv4 by `ping -I`, IPv6 to the link-local address), so that an answer would mean a leak of frames.
 */
export function planIsolation(topology: Topology): PlannedProbe[] {
  const first = (container: DemoContainer) =>
    topology.hosts
      .find(({ name }) => name === container.host)!
      .containers.find(({ network }) => network === container.network) === container;
  return pairs(topology, (from, to) => from.network !== to.network && first(from) && first(to)).flatMap(
    ([from, to]) => {
      const linkLocal = to.addresses.map(bareIp).find(isLinkLocal);
      return [addressOf(to, 4), linkLocal].flatMap((address) =>
        address === undefined
          ? []
          : [(signal: AbortSignal) => probe(from, to, address, signal, from.interface)],
      );
    },
  );
}

function pairs(
  topology: Topology,
  wanted: (from: DemoContainer, to: DemoContainer) => boolean,
): [DemoContainer, DemoContainer][] {
  const all = containersOf(topology);
  return all.flatMap((from) =>
    all
      .filter((to) => from !== to && wanted(from, to))
      .map((to): [DemoContainer, DemoContainer] => [from, to]),
  );
}
