import type { Fdb, Neighbour } from './kernel-state.ts';
import { ZERO_MAC } from './mac.ts';
import type { RowDraft } from './row-draft.ts';
import {
  deviceOfHead,
  FDB_ROWS,
  ROW_IP as IP,
  ROW_MAC as MAC,
  NEIGHBOUR_ROWS,
  type RowDevice,
  type RowKind,
  readRow,
  rowHead,
  ROW_WORDS as WORDS,
} from './row-kind.ts';
import { Rows } from './rows.ts';
import { IPV4, IPV6, ipToWords, macToWords, NO_IP } from './words.ts';

const FIRST_ROOM = 16;

/** The row that is being put or looked for; whoever fills it uses it at once. */
const draft = new Uint32Array(WORDS);

/**
 * All rows of one kind: as a Map by `kernelKey`, in the order in which they came, but packed. A host can know a hundred
 * thousand endpoints, with four rows each; an object and a key for each row would take ten times the memory, and all
 * the time of a look.
 */
export class RowTable<R extends Fdb | Neighbour> {
  size = 0;
  private readonly kind: RowKind<R>;
  private readonly devices: RowDevice[] = [];
  private readonly deviceNumbers = new Map<string, number>();
  private lastDevice = 0;
  private words = new Uint32Array(WORDS * FIRST_ROOM);
  /** Row + 1 at its hash or the next free place after it; 0 is free. At least twice as many as rows. */
  private places = new Uint32Array(2 * FIRST_ROOM);

  constructor(kind: RowKind<R>) {
    this.kind = kind;
  }

  /** Replaces one of the same key. */
  add(row: R): void {
    this.draftRow(row);
    this.putDraft();
  }

  addDraft(device: RowDevice, state: R['state'], { words, ipForm }: RowDraft): void {
    draft.set(words);
    draft[0] = rowHead(this.deviceNumber(device), ipForm, this.kind.states.indexOf(state));
    this.putDraft();
  }

  /** A row as the kernel tells it, in network byte order; an IP of 4 or 16 bytes, or 0. */
  addBytes(
    device: RowDevice,
    state: R['state'],
    bytes: Uint8Array,
    macAt: number,
    ipAt: number,
    ipBytes: number,
  ): void {
    const ipForm = ipBytes === 4 ? IPV4 : ipBytes === 16 ? IPV6 : NO_IP;
    draft[0] = rowHead(this.deviceNumber(device), ipForm, this.kind.states.indexOf(state));
    for (let i = 0; i < 4; i++) draft[IP + i] = i * 4 < ipBytes ? wordOf(bytes, ipAt + i * 4) : 0;
    draft[MAC] = (bytes[macAt]! << 8) | bytes[macAt + 1]!;
    draft[MAC + 1] = wordOf(bytes, macAt + 2);
    this.putDraft();
  }

  has(key: string): boolean {
    return this.rowOf(key) >= 0;
  }

  get(key: string): R | undefined {
    const row = this.rowOf(key);
    return row < 0 ? undefined : this.at(row);
  }

  /** Costs as much as building the table. */
  delete(key: string): boolean {
    const row = this.rowOf(key);
    if (row < 0) return false;
    this.words.copyWithin(row * WORDS, (row + 1) * WORDS, this.size * WORDS);
    this.size--;
    this.placeAll(this.places.length);
    return true;
  }

  /** Forgets the last rows, down to this many. */
  truncate(size: number): void {
    if (size === this.size) return;
    this.size = size;
    this.placeAll(this.places.length);
  }

  *values(): Generator<R> {
    for (let row = 0; row < this.size; row++) yield this.at(row);
  }

  /**
   * Calls back with the rows that `seen` has not, device by device, and with each that it has otherwise. What `seen` has
   * on a device that does not count is as good as missing. Gives how many of these rows `seen` has in some form.
   */
  compare(
    seen: RowTable<R>,
    counts: (device: RowDevice) => boolean,
    onMissing: (rows: Rows<R>) => void,
    onDifferent: (row: R, was: R) => void,
  ): number {
    const numbers = seen.numbersOf(this);
    const counted = this.devices.map(counts);
    const missing = this.devices.map((): number[] => []);
    let known = 0;
    for (let row = 0; row < this.size; row++) {
      const there = seen.find(this, row, numbers);
      if (there >= 0) known++;
      const device = this.deviceOf(row);
      if (there < 0 || !counted[device]) missing[device]!.push(row);
      else if (!this.isSame(row, seen, there)) onDifferent(this.at(row), seen.at(there));
    }
    missing.forEach((rows, device) => {
      if (rows.length > 0) onMissing(this.pick(device, rows));
    });
    return known;
  }

  /** The rows whose key `other` has not. */
  *without(other: RowTable<R>): Generator<R> {
    const numbers = other.numbersOf(this);
    for (let row = 0; row < this.size; row++) if (other.find(this, row, numbers) < 0) yield this.at(row);
  }

  private at(row: number): R {
    return readRow(this.kind, this.devices[this.deviceOf(row)]!, this.words, row * WORDS);
  }

  private pick(device: number, rows: readonly number[]): Rows<R> {
    const words = new Uint32Array(rows.length * WORDS);
    rows.forEach((row, i) => {
      for (let word = 0; word < WORDS; word++) words[i * WORDS + word] = this.words[row * WORDS + word]!;
    });
    return new Rows(this.kind, this.devices[device]!, words);
  }

  /** Its number; a table is mostly filled device by device. */
  private deviceNumber(device: RowDevice): number {
    const last = this.devices[this.lastDevice];
    if (last && last.ns === device.ns && last.dev === device.dev && last.table === device.table)
      return this.lastDevice;
    const name = nameOf(device);
    let number = this.deviceNumbers.get(name);
    if (number === undefined) {
      const { ns, dev, table } = device;
      number = this.devices.push({ ns, dev, table }) - 1;
      this.deviceNumbers.set(name, number);
    }
    this.lastDevice = number;
    return number;
  }

  private deviceOf(row: number): number {
    return deviceOfHead(this.words[row * WORDS]!);
  }

  private draftRow(row: Fdb | Neighbour): void {
    const { kind } = this;
    const ip = row.kind === 'fdb' ? row.dst : row.ip;
    const ipForm = ipToWords(ip, draft, IP);
    macToWords(row.mac, draft, MAC);
    draft[0] = rowHead(this.deviceNumber(row), ipForm, kind.states.indexOf(row.state));
  }

  /** -1 if there is none. */
  private rowOf(key: string): number {
    const { device, mac, ip } = this.kind.parseKey(key);
    const number = this.deviceNumbers.get(nameOf(device));
    if (number === undefined) return -1;
    const ipForm = ipToWords(ip, draft, IP);
    macToWords(mac ?? ZERO_MAC, draft, MAC);
    draft[0] = rowHead(number, ipForm, 0);
    return this.findDraft();
  }

  /** Our numbers of another table's devices; -1 where we have no row. */
  private numbersOf(other: RowTable<R>): number[] {
    return other.devices.map((device) => this.deviceNumbers.get(nameOf(device)) ?? -1);
  }

  /** The row with the key of another table's row, or -1. */
  private find(other: RowTable<R>, row: number, numbers: readonly number[]): number {
    const at = row * WORDS;
    const number = numbers[other.deviceOf(row)]!;
    if (number < 0) return -1;
    for (let i = 1; i < WORDS; i++) draft[i] = other.words[at + i]!;
    draft[0] = (number << 16) | (other.words[at]! & 0xffff);
    return this.findDraft();
  }

  private isSame(row: number, other: RowTable<R>, theirs: number): boolean {
    const [a, b] = [row * WORDS, theirs * WORDS];
    if ((this.words[a]! & 0xffff) !== (other.words[b]! & 0xffff)) return false;
    for (let i = 1; i < WORDS; i++) if (this.words[a + i] !== other.words[b + i]) return false;
    return true;
  }

  private putDraft(): void {
    let row = this.findDraft();
    if (row < 0) {
      row = this.size++;
      if (this.size * WORDS > this.words.length) this.grow();
      this.words.set(draft, row * WORDS);
      this.place(row);
    } else this.words.set(draft, row * WORDS);
  }

  private grow(): void {
    const { words } = this;
    this.words = new Uint32Array(words.length * 2);
    this.words.set(words);
    this.placeAll(this.places.length * 2, this.size - 1);
  }

  private placeAll(places: number, rows = this.size): void {
    this.places = new Uint32Array(places);
    for (let row = 0; row < rows; row++) this.place(row);
  }

  private place(row: number): void {
    const { places } = this;
    const mask = places.length - 1;
    let place = this.hash(this.words, row * WORDS) & mask;
    while (places[place] !== 0) place = (place + 1) & mask;
    places[place] = row + 1;
  }

  private findDraft(): number {
    const { places } = this;
    const mask = places.length - 1;
    for (let place = this.hash(draft, 0) & mask; ; place = (place + 1) & mask) {
      const row = places[place]! - 1;
      if (row < 0 || this.hasKeyOfDraft(row * WORDS)) return row;
    }
  }

  private hasKeyOfDraft(at: number): boolean {
    const { words } = this;
    if (words[at]! >>> 16 !== draft[0]! >>> 16) return false;
    if (this.kind.hasMacInKey && (words[at + MAC] !== draft[MAC] || words[at + MAC + 1] !== draft[MAC + 1]))
      return false;
    if (!this.hasIpInKey(draft, 0)) return true;
    if (((words[at]! ^ draft[0]!) & 0xff00) !== 0) return false;
    for (let i = IP; i < IP + 4; i++) if (words[at + i] !== draft[i]) return false;
    return true;
  }

  /** The all-zero MAC has a row for each destination. */
  private hasIpInKey(words: Uint32Array, at: number): boolean {
    return !this.kind.hasMacInKey || (words[at + MAC] === 0 && words[at + MAC + 1] === 0);
  }

  private hash(words: Uint32Array, at: number): number {
    let hash = words[at]! >>> 16;
    if (this.kind.hasMacInKey) hash = mix(mix(hash, words[at + MAC]!), words[at + MAC + 1]!);
    if (this.hasIpInKey(words, at)) for (let i = IP; i < IP + 4; i++) hash = mix(hash, words[at + i]!);
    return hash ^ (hash >>> 16);
  }
}

/** A step of MurmurHash3: neighbouring addresses must not land next to each other. */
function mix(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

const wordOf = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

const nameOf = ({ ns, dev, table }: RowDevice): string => `${ns} ${dev} ${table}`;

export const fdbTable = (): RowTable<Fdb> => new RowTable(FDB_ROWS);
export const neighbourTable = (): RowTable<Neighbour> => new RowTable(NEIGHBOUR_ROWS);
