import type { EndpointIndex } from './endpoint-index.ts';
import { EndpointNames } from './endpoint-names.ts';
import { ADDRESSES, type EndpointRows, type Member } from './endpoint-rows.ts';
import type { Id } from './id.ts';
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import type { Endpoint } from './records.ts';
import { RowLookup } from './row-lookup.ts';

/** What leads frames to an endpoint. */
export type TunnelEnd = Pick<Endpoint, 'host' | 'mac' | 'addresses'>;

/** Whose rows a chain has. */
export interface PackedMember extends Pick<Member, 'host' | 'first' | 'last'> {
  readonly network: Id;
}

/** The endpoints of one network, packed, with the look-ups that admission and planning ask for. */
export class NetworkEndpoints {
  readonly id: Id;
  readonly number: number;
  size = 0;
  /** How often one went: until the next does, what is taken stays so. */
  gone = 0;
  readonly byIp: RowLookup<Ip, Id>;
  readonly byMac: RowLookup<string, Id>;
  private readonly index: EndpointIndex;
  /** Made at the first look-up: few processes ask, and it is large. */
  private names: EndpointNames | undefined;
  /** By host. */
  private readonly members = new Map<Id, Member>();

  constructor(id: Id, number: number, index: EndpointIndex) {
    this.id = id;
    this.number = number;
    this.index = index;
    const idAt = (row: number) => index.rows.id(row);
    this.byIp = new RowLookup(
      (ip) => index.withAddress(this, ip),
      idAt,
      () => this.eachAddress(),
    );
    this.byMac = new RowLookup(
      (mac) => index.withMac(this, mac),
      idAt,
      () => this.eachMac(),
    );
  }

  has(id: Id): boolean {
    return this.rowWithId(id) > 0;
  }

  get(id: Id): Endpoint | undefined {
    const row = this.rowWithId(id);
    return row > 0 ? this.index.rows.read(row) : undefined;
  }

  *keys(): Generator<Id> {
    for (const row of this.rows()) yield this.index.rows.id(row);
  }

  *values(): Generator<Endpoint> {
    for (const row of this.rows()) yield this.index.rows.read(row);
  }

  *[Symbol.iterator](): Generator<[Id, Endpoint]> {
    for (const endpoint of this.values()) yield [endpoint.id, endpoint];
  }

  /** Those of one host, in the order in which they came. */
  *on(host: Id): Generator<Endpoint> {
    for (const row of this.rowsOf(this.members.get(host))) yield this.index.rows.read(row);
  }

  /** Those of one container of the host. */
  *ofContainer(host: Id, containerId: string): Generator<Endpoint> {
    const { rows } = this.index;
    for (const row of this.rowsOf(this.members.get(host)))
      if (rows.isOfContainer(row, containerId)) yield rows.read(row);
  }

  /** Those of some hosts, as far as a tunnel asks for them, at each iteration anew. */
  tunnelEnds(hosts: readonly Id[]): Iterable<TunnelEnd> {
    return { [Symbol.iterator]: () => this.eachTunnelEnd(hosts) };
  }

  /** With that name or alias, without case. */
  *named(name: string): Generator<Endpoint> {
    this.names ??= new EndpointNames(this.values());
    for (const id of this.names.get(name)) yield this.get(id)!;
  }

  add(endpoint: Endpoint): void {
    const { host } = endpoint;
    const member = this.members.get(host) ?? { network: this, host, first: 0, last: 0 };
    this.members.set(host, member);
    this.index.add(endpoint, member);
    this.names?.add(endpoint);
    this.size++;
  }

  /** A chain of rows as it was packed; gives how many they are. */
  adopt({ host, first, last }: PackedMember): number {
    const member = { network: this, host, first, last };
    this.members.set(host, member);
    const before = this.size;
    for (const row of this.rowsOf(member)) {
      this.index.adopt(row, member);
      this.size++;
    }
    return this.size - before;
  }

  pack(): PackedMember[] {
    return Array.from(this.members.values(), ({ host, first, last }) => ({
      network: this.id,
      host,
      first,
      last,
    }));
  }

  delete(row: number): void {
    const { host, first, last } = this.index.rows.members[row]!;
    this.names?.delete(this.index.rows.read(row));
    this.index.delete(row);
    this.size--;
    this.gone++;
    if (first === last) this.members.delete(host);
  }

  private rowWithId(id: Id): number {
    const row = this.index.withId(id);
    return row > 0 && this.index.rows.members[row]!.network === this ? row : 0;
  }

  private *rows(): Generator<number> {
    for (const member of this.members.values()) yield* this.rowsOf(member);
  }

  private *rowsOf(member: Member | undefined): Generator<number> {
    for (let row = member?.first ?? 0; row > 0; row = this.index.rows.next(row)) yield row;
  }

  private *eachTunnelEnd(hosts: readonly Id[]): Generator<TunnelEnd> {
    const { rows } = this.index;
    for (const host of hosts)
      for (let row = this.members.get(host)?.first ?? 0; row > 0; row = rows.next(row))
        yield new PackedTunnelEnd(host, row, rows);
  }

  private *eachAddress(): Generator<[Ip, number]> {
    for (const row of this.rows())
      for (let slot = 0; slot < ADDRESSES; slot++) {
        const ip = this.index.rows.address(row, slot);
        if (ip !== undefined && this.index.holdsAddress(row, slot)) yield [ip, row];
      }
  }

  private *eachMac(): Generator<[string, number]> {
    for (const row of this.rows()) if (this.index.holdsMac(row)) yield [this.index.rows.mac(row), row];
  }
}

/** Not every mode asks for the addresses. */
export class PackedTunnelEnd implements TunnelEnd {
  readonly host: Id;
  private readonly row: number;
  private readonly rows: EndpointRows;

  constructor(host: Id, row: number, rows: EndpointRows) {
    this.host = host;
    this.row = row;
    this.rows = rows;
  }

  get mac(): Mac {
    return this.rows.mac(this.row);
  }

  get addresses(): Ip[] {
    return this.rows.addresses(this.row);
  }

  copyMac(words: Uint32Array, at: number): void {
    this.rows.copyMac(this.row, words, at);
  }

  /** Gives how it stands there. */
  copyAddress(slot: number, words: Uint32Array, at: number): number {
    return this.rows.copyAddress(this.row, slot, words, at);
  }
}
