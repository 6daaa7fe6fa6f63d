import { EndpointIndex } from './endpoint-index.ts';
import type { PackedRows } from './endpoint-rows.ts';
import type { Id } from './id.ts';
import { NetworkEndpoints, type PackedMember } from './network-endpoints.ts';
import type { Endpoint } from './records.ts';

export interface PackedEndpoints extends PackedRows {
  readonly members: readonly PackedMember[];
}

/** All endpoints, packed: as a map by id, of which each look gives an object of its own. */
export class EndpointTable {
  size = 0;
  private index = new EndpointIndex();
  private readonly networks = new Map<Id, NetworkEndpoints>();
  private lastNumber = 0;

  has(id: Id): boolean {
    return this.index.withId(id) > 0;
  }

  get(id: Id): Endpoint | undefined {
    const row = this.index.withId(id);
    return row > 0 ? this.index.rows.read(row) : undefined;
  }

  *values(): Generator<Endpoint> {
    for (const network of this.networks.values()) yield* network.values();
  }

  /** Those of one host. */
  *on(host: Id): Generator<Endpoint> {
    for (const network of this.networks.values()) yield* network.on(host);
  }

  /** Those of one container of the host. */
  *ofContainer(host: Id, containerId: string): Generator<Endpoint> {
    for (const network of this.networks.values()) yield* network.ofContainer(host, containerId);
  }

  /** The part in one network; it stays the same until it is forgotten. */
  inNetwork(network: Id): NetworkEndpoints {
    let part = this.networks.get(network);
    if (!part) {
      part = new NetworkEndpoints(network, ++this.lastNumber, this.index);
      this.networks.set(network, part);
    }
    return part;
  }

  /** Nothing is in it any more. */
  forget(network: Id): void {
    this.networks.delete(network);
  }

  /** The id must not be in it. */
  add(endpoint: Endpoint): void {
    this.inNetwork(endpoint.network).add(endpoint);
    this.size++;
  }

  /** Says where it was. */
  delete(id: Id): Pick<Endpoint, 'network' | 'host'> | undefined {
    const row = this.index.withId(id);
    if (row === 0) return undefined;
    const { network, host } = this.index.rows.members[row]!;
    this.inNetwork(network.id).delete(row);
    this.size--;
    return { network: network.id, host };
  }

  /** Not a copy: to be written down before anything changes. */
  pack(): PackedEndpoints {
    const members = [...this.networks.values()].flatMap((network) => network.pack());
    return { ...this.index.rows.pack(), members };
  }

  /** Into an empty table. Says how many are whose. */
  unpack(packed: PackedEndpoints): { network: Id; host: Id; count: number }[] {
    this.index.unpack(packed);
    return packed.members.map((member) => {
      const { network, host } = member;
      const count = this.inNetwork(network).adopt(member);
      this.size += count;
      return { network, host, count };
    });
  }

  clear(): void {
    this.index = new EndpointIndex();
    this.networks.clear();
    this.size = 0;
  }
}
