import type { Id } from './id.ts';
import type { Ip } from './ip.ts';
import { foldName } from './name.ts';
import type {
  Adoption,
  Block,
  Change,
  Endpoint,
  Host,
  Network,
  RecordRef,
  Revision,
  StoredRecord,
} from './records.ts';

/** The records of one network, with the look-ups that admission and planning ask for. */
export interface NetworkRecords {
  readonly blocks: ReadonlyMap<Id, Block>;
  readonly endpoints: ReadonlyMap<Id, Endpoint>;
  readonly endpointByIp: ReadonlyMap<Ip, Id>;
  readonly endpointByMac: ReadonlyMap<string, Id>;
  readonly adoptions: ReadonlyMap<Id, Adoption>;
  /** Endpoints and adopted bridges that a host has here; a host without any is not in the map. */
  readonly endpointCount: ReadonlyMap<Id, number>;
}

interface MutableNetworkRecords {
  /** Made at the first look-up by name: few processes ask, and it is large. */
  endpointsByName?: Map<string, Set<Id>>;
  blocks: Map<Id, Block>;
  endpoints: Map<Id, Endpoint>;
  endpointByIp: Map<Ip, Id>;
  endpointByMac: Map<string, Id>;
  adoptions: Map<Id, Adoption>;
  endpointCount: Map<Id, number>;
}

const emptyNetworkRecords = (): MutableNetworkRecords => ({
  blocks: new Map(),
  endpoints: new Map(),
  endpointByIp: new Map(),
  endpointByMac: new Map(),
  adoptions: new Map(),
  endpointCount: new Map(),
});

const NO_RECORDS: NetworkRecords = emptyNetworkRecords();

/** An index entry goes only with the record it points at: a newer holder of the same key keeps it. */
function deleteIfEqual<K, V>(index: Map<K, V>, key: K, value: V): void {
  if (index.get(key) === value) index.delete(key);
}

function countMember({ endpointCount }: MutableNetworkRecords, host: Id, more: 1 | -1): void {
  const count = (endpointCount.get(host) ?? 0) + more;
  if (count > 0) endpointCount.set(host, count);
  else endpointCount.delete(host);
}

const namesOf = ({ name, aliases }: Endpoint): string[] => [name, ...aliases].map(foldName);

function addNames(index: Map<string, Set<Id>>, endpoint: Endpoint): void {
  for (const name of namesOf(endpoint)) {
    const ids = index.get(name);
    if (ids) ids.add(endpoint.id);
    else index.set(name, new Set([endpoint.id]));
  }
}

function deleteNames(index: Map<string, Set<Id>>, endpoint: Endpoint): void {
  for (const name of namesOf(endpoint)) {
    const ids = index.get(name);
    ids?.delete(endpoint.id);
    if (ids?.size === 0) index.delete(name);
  }
}

/** Read-only face of {@link Snapshot}: what pure functions take. */
export type SnapshotView = Omit<Snapshot, 'apply' | 'clear'>;

/**
 * All records as of one revision, indexed. It is changed in place by its one owner (a copy per commit would cost
 * O(endpoints)); everybody else sees it as a {@link SnapshotView}.
 */
export class Snapshot {
  revision: Revision = 0;
  readonly hosts = new Map<Id, Host>();
  readonly networks = new Map<Id, Network>();
  readonly blocks = new Map<Id, Block>();
  readonly endpoints = new Map<Id, Endpoint>();
  readonly adoptions = new Map<Id, Adoption>();
  private readonly hostsByName = new Map<string, Id>();
  private readonly networksByName = new Map<string, Id>();
  private readonly byNetwork = new Map<Id, MutableNetworkRecords>();

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
  *endpointsNamed(network: Id, name: string): Generator<Endpoint> {
    const records = this.byNetwork.get(network);
    if (!records) return;
    if (!records.endpointsByName) {
      records.endpointsByName = new Map();
      for (const endpoint of records.endpoints.values()) addNames(records.endpointsByName, endpoint);
    }
    for (const id of records.endpointsByName.get(foldName(name)) ?? []) yield this.endpoints.get(id)!;
  }

  /** Absent is undefined. */
  get(ref: RecordRef): StoredRecord | undefined {
    return this.table(ref.kind).get(ref.id);
  }

  *records(): Generator<StoredRecord> {
    yield* this.hosts.values();
    yield* this.networks.values();
    yield* this.blocks.values();
    yield* this.endpoints.values();
    yield* this.adoptions.values();
  }

  /** Applies changes in order; deleting the absent is nothing. The revision must not fall. */
  apply(changes: Iterable<Change>, revision: Revision): void {
    if (revision < this.revision) throw new Error(`revision ${revision} after ${this.revision}`);
    for (const change of changes) {
      if (change.verb === 'put') this.put(change.record);
      else this.delete(change.ref);
    }
    this.revision = revision;
  }

  clear(): void {
    for (const table of [this.hosts, this.networks, this.blocks, this.endpoints, this.adoptions])
      table.clear();
    for (const index of [this.hostsByName, this.networksByName, this.byNetwork]) index.clear();
    this.revision = 0;
  }

  private table(kind: StoredRecord['kind']): Map<Id, StoredRecord> {
    const tables = {
      host: this.hosts,
      network: this.networks,
      block: this.blocks,
      endpoint: this.endpoints,
      adoption: this.adoptions,
    };
    return tables[kind] as Map<Id, StoredRecord>;
  }

  private put(record: StoredRecord): void {
    this.delete(record);
    this.table(record.kind).set(record.id, record);
    if (record.kind === 'host') this.hostsByName.set(foldName(record.name), record.id);
    else if (record.kind === 'network') this.networksByName.set(foldName(record.name), record.id);
    else if (record.kind === 'block') this.recordsOf(record.network).blocks.set(record.id, record);
    else if (record.kind === 'endpoint') this.indexEndpoint(record);
    else this.indexAdoption(record);
  }

  private delete(ref: RecordRef): void {
    const record = this.get(ref);
    if (!record) return;
    this.table(ref.kind).delete(ref.id);
    if (record.kind === 'host') deleteIfEqual(this.hostsByName, foldName(record.name), record.id);
    else if (record.kind === 'network') deleteIfEqual(this.networksByName, foldName(record.name), record.id);
    else if (record.kind === 'block') this.recordsOf(record.network).blocks.delete(record.id);
    else if (record.kind === 'endpoint') this.unindexEndpoint(record);
    else this.unindexAdoption(record);
    if ('network' in record) this.forgetIfEmpty(record.network);
  }

  private recordsOf(network: Id): MutableNetworkRecords {
    let records = this.byNetwork.get(network);
    if (!records) {
      records = emptyNetworkRecords();
      this.byNetwork.set(network, records);
    }
    return records;
  }

  private forgetIfEmpty(network: Id): void {
    const records = this.byNetwork.get(network);
    if (records && records.blocks.size + records.endpoints.size + records.adoptions.size === 0)
      this.byNetwork.delete(network);
  }

  private indexEndpoint(endpoint: Endpoint): void {
    const records = this.recordsOf(endpoint.network);
    records.endpoints.set(endpoint.id, endpoint);
    for (const ip of endpoint.addresses) records.endpointByIp.set(ip, endpoint.id);
    records.endpointByMac.set(endpoint.mac, endpoint.id);
    countMember(records, endpoint.host, 1);
    if (records.endpointsByName) addNames(records.endpointsByName, endpoint);
  }

  private unindexEndpoint(endpoint: Endpoint): void {
    const records = this.recordsOf(endpoint.network);
    records.endpoints.delete(endpoint.id);
    for (const ip of endpoint.addresses) deleteIfEqual(records.endpointByIp, ip, endpoint.id);
    deleteIfEqual(records.endpointByMac, endpoint.mac, endpoint.id);
    if (records.endpointsByName) deleteNames(records.endpointsByName, endpoint);
    countMember(records, endpoint.host, -1);
  }

  private indexAdoption(adoption: Adoption): void {
    const records = this.recordsOf(adoption.network);
    records.adoptions.set(adoption.id, adoption);
    countMember(records, adoption.host, 1);
  }

  private unindexAdoption({ id, network, host }: Adoption): void {
    const records = this.recordsOf(network);
    records.adoptions.delete(id);
    countMember(records, host, -1);
  }
}
