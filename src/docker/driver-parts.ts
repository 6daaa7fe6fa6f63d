import type { HostDoor } from '#api/door.ts';
import { addressAt, type Cidr, cidrSize } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { EndpointRuntime, Network } from '#model/records.ts';
import type { DockerNetwork, NetworkBook } from './network-book.ts';
import { PluginError } from './plugin-error.ts';
import type { PoolTable } from './pool-table.ts';

export const RUNTIME: EndpointRuntime = 'docker';
/** Networks whose addresses are Weft's have this one; Docker shows it to the network driver. */
export const ADDRESS_SPACE = 'weft';

/** What both drivers work with. */
export interface DriverParts {
  readonly door: HostDoor;
  readonly book: NetworkBook;
  readonly pools: PoolTable;
  /** What `-d` and `--ipam-driver` are given. */
  readonly driver: string;
  /** Docker's own API, which tells what its drivers are not told. */
  readonly engine: { readonly socket: string; readonly isThere: () => boolean };
  /** Ask Docker what there is: something is new, or not known here. */
  readonly kick: () => void;
}

/** By its id or, without case, its name. */
export const findNetwork = (door: HostDoor, word: string): Network | undefined => {
  const folded = word.toLowerCase();
  return door.networks().find(({ id, name }) => id === word || name.toLowerCase() === folded);
};

/**
 * The network of Weft behind one of Docker's. One that was just made waits here until Docker has told its name; one
 * that is not known, because what was known was lost, until Docker was asked; and one that an agent that has just
 * started has not heard of again, until its controller has spoken.
 */
export async function networkOf(
  { door, book, driver, engine, kick }: DriverParts,
  find: () => DockerNetwork | undefined,
  signal: AbortSignal,
): Promise<Network> {
  const findHeard = () => {
    const id = find()?.network;
    return id && heardOf(door, id);
  };
  const found = findHeard();
  if (found) return found;
  kick();
  const stop = door.watchNetworks(() => book.wake());
  const awaited = await book.wait(findHeard, signal).finally(stop);
  if (awaited) return awaited;
  const known = find();
  if (!known?.network && !engine.isThere())
    throw new PluginError(
      `which network this is, Docker has not told: nobody answers at ${engine.socket}; set docker-socket in agent.yaml to where this dockerd listens, and try again`,
    );
  if (!known)
    throw new PluginError(
      `Weft does not know this Docker network: docker network rm it, and make it again with ${bothDrivers(driver)}`,
    );
  throw new PluginError(
    door.isConnected()
      ? 'this network is still being made in Weft: see what `weft status` says of it, and try again'
      : 'this network is to be made by the controller, which is away: see `weft status`, and try again when it is back',
  );
}

export const bothDrivers = (driver: string): string => `-d ${driver} --ipam-driver ${driver}`;

export const heardOf = (door: HostDoor, id: Id): Network | undefined =>
  door.networks().find((network) => network.id === id);

/**
 * What Docker is told that a pool's gateway is, as the network has it; of one that is yet to be made, as it would have it
 * unless its user says otherwise.
 */
export function offeredGateway({ door }: DriverParts, cidr: Cidr, network?: Network): Ip | undefined {
  const candidates = network ? [network] : door.networks();
  const gateways = candidates.flatMap(({ subnets }) => subnets.filter((each) => each.cidr === cidr));
  if (gateways.length === 1) return gateways[0]!.gateway;
  return usualGateway(cidr);
}

/** What Weft chooses. Of a range too small for a network there is none; it is refused when the network is to be made. */
export const usualGateway = (cidr: Cidr): Ip | undefined =>
  cidrSize(cidr) > 1n ? addressAt(cidr, 1n) : undefined;
