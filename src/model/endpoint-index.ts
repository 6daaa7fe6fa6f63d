import { ADDRESSES, EndpointRows, idAt, ipAt, type Member, macAt, type PackedRows } from './endpoint-rows.ts';
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import { finishHash, mixHash, NumberIndex } from './number-index.ts';
import type { Endpoint } from './records.ts';

type Network = Member['network'];

const ID_WORDS = 4;
const MAC_WORDS = 2;
const IP_WORDS = 4;
const MAC_LENGTH = 17;
/** The row for what is looked for. */
const DRAFT = 0;

/** Rows of endpoints, found by id, and in their network by MAC and address. A row is above 0; 0 is none. */
export class EndpointIndex {
  readonly rows = new EndpointRows();

  private readonly ids = new NumberIndex({
    hash: (row) => this.hash(0, idAt(row), ID_WORDS),
    equal: (a, b) => this.equal(idAt(a), idAt(b), ID_WORDS),
  });

  private readonly macs = new NumberIndex({
    hash: (row) => this.hash(this.networkOf(row), macAt(row), MAC_WORDS),
    equal: (a, b) => this.equal(macAt(a), macAt(b), MAC_WORDS) && this.networkOf(a) === this.networkOf(b),
  });

  /** Of row and slot together. */
  private readonly ips = new NumberIndex({
    hash: (number) => this.hash(this.networkOf(rowIn(number)), ipAt(rowIn(number), slotIn(number)), IP_WORDS),
    equal: (a, b) =>
      this.equal(ipAt(rowIn(a), slotIn(a)), ipAt(rowIn(b), slotIn(b)), IP_WORDS) &&
      this.rows.addressForm(rowIn(a), slotIn(a)) === this.rows.addressForm(rowIn(b), slotIn(b)) &&
      this.networkOf(rowIn(a)) === this.networkOf(rowIn(b)),
  });

  /** Rows that were unpacked are not in `macs` and `ips` yet: who only reads a view asks for neither. */
  private owesPlaces = false;

  /** The id must not be there yet. A MAC or an address is the newest holder's, and the one's before again when that goes. */
  add(endpoint: Endpoint, member: Member): void {
    this.placeUnpacked();
    const row = this.rows.add(endpoint, member);
    this.ids.set(row);
    this.place(row);
  }

  /** Rows that were packed. Each must be adopted. */
  unpack(packed: PackedRows): void {
    this.rows.unpack(packed);
    this.ids.reserve(this.rows.members.length);
    this.owesPlaces = true;
  }

  /** A row that is there already, of a member that it is chained to. */
  adopt(row: number, member: Member): void {
    this.rows.members[row] = member;
    this.ids.set(row);
  }

  private placeUnpacked(): void {
    if (!this.owesPlaces) return;
    this.owesPlaces = false;
    const { members } = this.rows;
    this.macs.reserve(members.length);
    this.ips.reserve(members.length * ADDRESSES);
    for (let row = DRAFT + 1; row < members.length; row++) if (members[row]) this.place(row);
  }

  private place(row: number): void {
    this.macs.set(row);
    for (let slot = 0; slot < ADDRESSES; slot++)
      if (this.rows.addressForm(row, slot)) this.ips.set(numberOf(row, slot));
  }

  /** A MAC or an address that has a newer holder stays that one's. */
  delete(row: number): void {
    this.placeUnpacked();
    this.ids.delete(row);
    this.macs.delete(row);
    for (let slot = 0; slot < ADDRESSES; slot++)
      if (this.rows.addressForm(row, slot)) this.ips.delete(numberOf(row, slot));
    this.rows.free(row);
  }

  withId(id: string): number {
    return this.rows.setId(DRAFT, id) ? this.ids.find(DRAFT) : 0;
  }

  withMac(network: Network, mac: string): number {
    if (mac.length !== MAC_LENGTH) return 0;
    this.placeUnpacked();
    this.rows.members[DRAFT] = draftMember(network);
    this.rows.setMac(DRAFT, mac as Mac);
    return this.macs.find(DRAFT);
  }

  withAddress(network: Network, ip: Ip): number {
    this.placeUnpacked();
    this.rows.members[DRAFT] = draftMember(network);
    this.rows.setAddress(DRAFT, 0, ip);
    return rowIn(this.ips.find(numberOf(DRAFT, 0)));
  }

  /** Whether it is found by its MAC: no newer endpoint has taken it over. */
  holdsMac(row: number): boolean {
    this.placeUnpacked();
    return this.macs.find(row) === row;
  }

  holdsAddress(row: number, slot: number): boolean {
    this.placeUnpacked();
    return this.ips.find(numberOf(row, slot)) === numberOf(row, slot);
  }

  private networkOf(row: number): number {
    return this.rows.members[row]!.network.number;
  }

  private hash(seed: number, at: number, count: number): number {
    const { words } = this.rows;
    let hash = seed;
    for (let i = at; i < at + count; i++) hash = mixHash(hash, words[i]!);
    return finishHash(hash);
  }

  private equal(a: number, b: number, count: number): boolean {
    const { words } = this.rows;
    for (let i = 0; i < count; i++) if (words[a + i] !== words[b + i]) return false;
    return true;
  }
}

const numberOf = (row: number, slot: number): number => row * ADDRESSES + slot;
const rowIn = (number: number): number => (number / ADDRESSES) | 0;
const slotIn = (number: number): number => number % ADDRESSES;

const draftMember = (network: Network): Member => ({ network, host: network.id, first: 0, last: 0 });
