import { EndpointTable, type PackedEndpoints } from './endpoint-table.ts';
import type { Id } from './id.ts';
import type { Life } from './life.ts';
import { foldName } from './name.ts';
import type { NetworkEndpoints } from './network-endpoints.ts';
import {
  type Adoption,
  type Block,
  type Change,
  type Endpoint,
  type Exposure,
  type Host,
  type Network,
  type Peer,
  type Publication,
  RECORD_KINDS,
  type RecordRef,
  type Revision,
  type StoredRecord,
} from './records.ts';

/** The records of one network, with the look-ups that admission and planning ask for. */
export interface NetworkRecords {
  readonly blocks: ReadonlyMap<Id, Block>;
  readonly endpoints: Omit<NetworkEndpoints, 'add' | 'adopt' | 'delete'>;
  readonly endpointByIp: NetworkEndpoints['byIp'];
  readonly endpointByMac: NetworkEndpoints['byMac'];
  readonly adoptions: ReadonlyMap<Id, Adoption>;
  readonly peers: ReadonlyMap<Id, Peer>;
  readonly exposures: ReadonlyMap<Id, Exposure>;
  readonly publications: ReadonlyMap<Id, Publication>;
  /** Endpoints, adopted bridges and exposures that a host has here; a host without any is not in the map. */
  readonly endpointCount: ReadonlyMap<Id, number>;
}

interface MutableNetworkRecords extends NetworkRecords {
  blocks: Map<Id, Block>;
  adoptions: Map<Id, Adoption>;
  peers: Map<Id, Peer>;
  exposures: Map<Id, Exposure>;
  publications: Map<Id, Publication>;
  endpointCount: Map<Id, number>;
}

const emptyNetworkRecords = (endpoints: NetworkEndpoints): MutableNetworkRecords => ({
  blocks: new Map(),
  endpoints,
  endpointByIp: endpoints.byIp,
  endpointByMac: endpoints.byMac,
  adoptions: new Map(),
  peers: new Map(),
  exposures: new Map(),
  publications: new Map(),
  endpointCount: new Map(),
});

const NO_RECORDS: NetworkRecords = emptyNetworkRecords(new EndpointTable().inNetwork('' as Id));

/** An index entry goes only with the record it points at: a newer holder of the same key keeps it. */
function deleteIfEqual<K, V>(index: Map<K, V>, key: K, value: V): void {
  if (index.get(key) === value) index.delete(key);
}

function countMember({ endpointCount }: MutableNetworkRecords, host: Id, more: number): void {
  const count = (endpointCount.get(host) ?? 0) + more;
  if (count > 0) endpointCount.set(host, count);
  else endpointCount.delete(host);
}

/** Read-only face of {@link Snapshot}: what pure functions take. */
export interface SnapshotView
  extends Omit<
    Snapshot,
    'apply' | 'unpackEndpoints' | 'clear' | 'noteTouched' | 'takeTouched' | 'endpoints'
  > {
  readonly endpoints: Omit<EndpointTable, 'add' | 'delete' | 'forget' | 'unpack' | 'clear'>;
}

/**
 * All records as of one revision, indexed. It is changed in place by its one owner (a copy per commit would cost
 * O(endpoints)); everybody else sees it as a {@link SnapshotView}.
 */
export class Snapshot {
  revision: Revision = 0;
  /** Of the store that it was read from, the last one last; empty where that is not known. */
  lives: readonly Life[] = [];
  readonly hosts = new Map<Id, Host>();
  readonly networks = new Map<Id, Network>();
  readonly blocks = new Map<Id, Block>();
  readonly endpoints = new EndpointTable();
  readonly adoptions = new Map<Id, Adoption>();
  readonly peers = new Map<Id, Peer>();
  readonly exposures = new Map<Id, Exposure>();
  readonly publications = new Map<Id, Publication>();
  private readonly hostsByName = new Map<string, Id>();
  private readonly networksByName = new Map<string, Id>();
  private readonly byNetwork = new Map<Id, MutableNetworkRecords>();
  /** Undefined while nobody asks. */
  private touched: Set<Id> | 'all' | undefined;

  constructor(records: Iterable<StoredRecord> = [], revision: Revision = 0) {
    for (const record of records) this.put(record);
    this.revision = revision;
  }

  hostNamed(name: string): Host | undefined {
    const id = this.hostsByName.get(foldName(name));
    return id && this.hosts.get(id);
  }

  networkNamed(name: string): Network | undefined {
    const id = this.networksByName.get(foldName(name));
    return id && this.networks.get(id);
  }

  /** The records of one network; empty for an unknown one. */
  inNetwork(network: Id): NetworkRecords {
    return this.byNetwork.get(network) ?? NO_RECORDS;
  }

  /** Those of the network with this name or alias, compared without case. */
  endpointsNamed(network: Id, name: string): Iterable<Endpoint> {
    return this.inNetwork(network).endpoints.named(name);
  }

  /** Absent is undefined. */
  get(ref: RecordRef): StoredRecord | undefined {
    return this.table(ref.kind).get(ref.id);
  }

  *records(): Generator<StoredRecord> {
    yield* this.recordsButEndpoints();
    yield* this.endpoints.values();
  }

  *recordsButEndpoints(): Generator<StoredRecord> {
    yield* this.hosts.values();
    yield* this.networks.values();
    yield* this.blocks.values();
    yield* this.adoptions.values();
    yield* this.peers.values();
    yield* this.exposures.values();
    yield* this.publications.values();
  }

  /** Applies changes in order; deleting the absent is nothing. The revision must not fall. */
  apply(changes: Iterable<Change>, revision: Revision): void {
    if (revision < this.revision) throw new Error(`revision ${revision} after ${this.revision}`);
    for (const change of changes) {
      this.touch(change.verb === 'put' ? change.record : change.ref);
      if (change.verb === 'put') this.put(change.record);
      else this.delete(change.ref);
    }
    this.revision = revision;
  }

  /** Endpoints as `endpoints.pack()` gave them; there must be none yet. */
  unpackEndpoints(packed: PackedEndpoints): void {
    for (const { network, host, count } of this.endpoints.unpack(packed))
      countMember(this.recordsOf(network), host, count);
  }

  clear(): void {
    if (this.touched) this.touched = 'all';
    for (const kind of RECORD_KINDS) this.table(kind).clear();
    for (const index of [this.hostsByName, this.networksByName, this.byNetwork]) index.clear();
    this.revision = 0;
  }

  /** From now on, or no longer: remembers which networks and endpoints come, change or go. */
  noteTouched(notes = true): void {
    this.touched = notes ? new Set() : undefined;
  }

  /** Those since the last time; `all` when the snapshot was cleared. */
  takeTouched(): readonly Id[] | 'all' {
    const { touched } = this;
    if (!touched || (touched !== 'all' && touched.size === 0)) return [];
    this.touched = new Set();
    return touched === 'all' ? touched : [...touched];
  }

  private touch({ kind, id }: RecordRef): void {
    if (this.touched instanceof Set && (kind === 'endpoint' || kind === 'network')) this.touched.add(id);
  }

  private table(kind: StoredRecord['kind']): Pick<Map<Id, StoredRecord>, 'get' | 'clear'> {
    const tables = {
      host: this.hosts,
      network: this.networks,
      block: this.blocks,
      endpoint: this.endpoints,
      adoption: this.adoptions,
      peer: this.peers,
      exposure: this.exposures,
      publication: this.publications,
    };
    return tables[kind];
  }

  private put(record: StoredRecord): void {
    this.delete(record);
    switch (record.kind) {
      case 'host':
        this.hosts.set(record.id, record);
        this.hostsByName.set(foldName(record.name), record.id);
        return;
      case 'network':
        this.networks.set(record.id, record);
        this.networksByName.set(foldName(record.name), record.id);
        return;
      case 'block':
        this.blocks.set(record.id, record);
        this.recordsOf(record.network).blocks.set(record.id, record);
        return;
      case 'endpoint':
        this.endpoints.add(record);
        countMember(this.recordsOf(record.network), record.host, 1);
        return;
      case 'adoption':
        this.adoptions.set(record.id, record);
        this.recordsOf(record.network).adoptions.set(record.id, record);
        countMember(this.recordsOf(record.network), record.host, 1);
        return;
      case 'peer':
        this.peers.set(record.id, record);
        this.recordsOf(record.network).peers.set(record.id, record);
        return;
      case 'exposure':
        this.exposures.set(record.id, record);
        this.recordsOf(record.network).exposures.set(record.id, record);
        countMember(this.recordsOf(record.network), record.host, 1);
        return;
      case 'publication':
        this.publications.set(record.id, record);
        this.recordsOf(record.network).publications.set(record.id, record);
    }
  }

  private delete({ kind, id }: RecordRef): void {
    switch (kind) {
      case 'host': {
        const host = take(this.hosts, id);
        if (host) deleteIfEqual(this.hostsByName, foldName(host.name), id);
        return;
      }
      case 'network': {
        const network = take(this.networks, id);
        if (network) deleteIfEqual(this.networksByName, foldName(network.name), id);
        return;
      }
      case 'block': {
        const block = take(this.blocks, id);
        if (block) this.leave(block, (records) => records.blocks.delete(id));
        return;
      }
      case 'endpoint': {
        const endpoint = this.endpoints.delete(id);
        if (endpoint) this.leave(endpoint, (records) => countMember(records, endpoint.host, -1));
        return;
      }
      case 'adoption': {
        const adoption = take(this.adoptions, id);
        if (adoption)
          this.leave(adoption, (records) => {
            records.adoptions.delete(id);
            countMember(records, adoption.host, -1);
          });
        return;
      }
      case 'peer': {
        const peer = take(this.peers, id);
        if (peer) this.leave(peer, (records) => records.peers.delete(id));
        return;
      }
      case 'exposure': {
        const exposure = take(this.exposures, id);
        if (exposure)
          this.leave(exposure, (records) => {
            records.exposures.delete(id);
            countMember(records, exposure.host, -1);
          });
        return;
      }
      case 'publication': {
        const publication = take(this.publications, id);
        if (publication) this.leave(publication, (records) => records.publications.delete(id));
      }
    }
  }

  private recordsOf(network: Id): MutableNetworkRecords {
    let records = this.byNetwork.get(network);
    if (!records) {
      records = emptyNetworkRecords(this.endpoints.inNetwork(network));
      this.byNetwork.set(network, records);
    }
    return records;
  }

  private leave(
    { network }: { readonly network: Id },
    forget: (records: MutableNetworkRecords) => void,
  ): void {
    const records = this.recordsOf(network);
    forget(records);
    const { blocks, endpoints, adoptions, peers, exposures, publications } = records;
    if ([blocks, endpoints, adoptions, peers, exposures, publications].some(({ size }) => size > 0)) return;
    this.byNetwork.delete(network);
    this.endpoints.forget(network);
  }
}

/** Deletes what it gives. */
function take<V>(table: Map<Id, V>, id: Id): V | undefined {
  const value = table.get(id);
  table.delete(id);
  return value;
}
