import { formatFault, isRejection, type Rejection } from '#model/fault.ts';
import type { Endpoint, Host, Network, StoredRecord } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { seededRandom } from '#model/test-random.ts';
import type { AttachEndpoint, CreateNetwork, RegisterHost, Wish } from '#model/wish.ts';
import { admit } from './admit.ts';
import type { Admitted, Chance } from './admitted.ts';
import type { Pools } from './pools.ts';

export const POOLS = {
  ipv4: '10.128.0.0/9',
  ipv4PrefixLength: 20,
  ipv6: 'fd00:77:65::/48',
} as Pools;

/** For tests: a snapshot that wishes are made of, with time and chance of its own. */
export class World {
  readonly snapshot = new Snapshot();
  private readonly chance: Chance;
  private readonly pools: Pools;

  constructor(seed = 1, pools: Pools = POOLS) {
    const random = seededRandom(seed);
    const entropy = (count: number) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256));
    this.chance = { now: 1_700_000_000_000, entropy };
    this.pools = pools;
  }

  /** Only asks: nothing is applied. */
  ask(wish: Wish): Admitted | Rejection {
    return admit(wish, this.snapshot, this.chance, { pools: this.pools });
  }

  /** Asks, and applies what was admitted; hosts that must be asked first agree at once. */
  try(wish: Wish): Admitted | Rejection {
    const answer = this.ask(wish);
    if (isRejection(answer)) return answer;
    this.snapshot.apply(answer.changes, this.snapshot.revision + 1);
    return answer.askFirst ? this.try(wish) : answer;
  }

  /** As {@link try}, but a rejection fails the test. */
  do(wish: Wish): Admitted {
    const answer = this.try(wish);
    if (isRejection(answer)) throw new Error(answer.faults.map(formatFault).join('\n'));
    return answer;
  }

  host(name: string, more: Partial<Omit<RegisterHost, 'facts'>> & Partial<RegisterHost['facts']> = {}): Host {
    return this.do(registerHost(name, more)).subject as Host;
  }

  network(name: string, more: Partial<CreateNetwork> = {}): Network {
    return this.do(createNetwork(name, more)).subject as Network;
  }

  endpoint(network: string, host: string, containerId: string, more: Partial<AttachEndpoint> = {}): Endpoint {
    return this.do(attachEndpoint(network, host, containerId, more)).subject as Endpoint;
  }

  put(...records: StoredRecord[]): void {
    this.snapshot.apply(
      records.map((record) => ({ verb: 'put', record })),
      this.snapshot.revision + 1,
    );
  }
}

let hostCount = 0;

/** An underlay address of its own unless one is given. */
export function registerHost(
  name: string,
  more: Partial<Omit<RegisterHost, 'facts'>> & Partial<RegisterHost['facts']> = {},
): RegisterHost {
  const { underlayMtu = 1500, takenPorts = [], routes = [], underlayInterfaces = ['eth0'], ...rest } = more;
  const number = hostCount++;
  const underlay = [`192.0.${2 + (number >> 8)}.${number & 255}`];
  const facts = { underlayMtu, takenPorts, routes, underlayInterfaces };
  return { wish: 'register-host', name, underlay, labels: {}, ...rest, facts };
}

export const createNetwork = (name: string, more: Partial<CreateNetwork> = {}): CreateNetwork => ({
  wish: 'create-network',
  name,
  subnets: [],
  gateways: [],
  allowOverlap: false,
  ...more,
});

export const attachEndpoint = (
  network: string,
  host: string,
  containerId: string,
  more: Partial<AttachEndpoint> = {},
): AttachEndpoint => ({
  wish: 'attach-endpoint',
  network,
  host,
  runtime: 'netns',
  containerId,
  aliases: [],
  addresses: [],
  ...more,
});

/** A rejection as people see it, its reason first: short enough to be compared as a whole. */
export function sentences(answer: Admitted | Rejection): string[] {
  return isRejection(answer) ? [answer.reason, ...answer.faults.map(formatFault)] : [answer.outcome];
}
