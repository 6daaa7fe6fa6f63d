import type { Id } from './id.ts';
import { idFromWords, idToWords } from './id-words.ts';
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import type { Endpoint } from './records.ts';
import { ipFromWords, ipToWords, macFromWords, macToWords } from './words.ts';

/** The endpoints of one host in one network: a chain of rows, in the order in which they came. */
export interface Member {
  readonly network: { readonly id: Id; readonly number: number };
  readonly host: Id;
  /** Rows; 0 is none. */
  first: number;
  last: number;
}

/** Of an endpoint: at most one a family. */
export const ADDRESSES = 2;

/* The words of a row: id, MAC, addresses, how these stand in their words (a byte each), generation, chain. */
const ID = 0;
const MAC = 4;
const IP = 6;
const IP_WORDS = 4;
const FORMS = 14;
const GENERATION = 15;
const PREVIOUS = 16;
const NEXT = 17;
const WORDS = 18;
const FIRST_ROOM = 16;

const NO_ALIASES: readonly string[] = [];

/**
 * Endpoints as rows of words and texts: a cluster can have a hundred thousand, and an object with strings of its own
 * for each would take three times the memory. Row 0 is a draft, for what is looked for; the others are added and freed.
 */
export class EndpointRows {
  words = new Uint32Array(WORDS * FIRST_ROOM);
  /** Undefined for a row that is free. */
  readonly members: (Member | undefined)[] = [undefined];
  private readonly runtime: Endpoint['runtime'][] = [];
  private readonly interface: string[] = [];
  private readonly name: string[] = [];
  private readonly containerId: string[] = [];
  private readonly aliases: (readonly string[])[] = [];
  /** Interfaces have few names, and each record a copy of its own. */
  private readonly interfaces = new Map<string, string>();
  private firstFree = 0;

  /** Fills a row and puts it at the end of its member's chain. */
  add(endpoint: Endpoint, member: Member): number {
    const { id, addresses, aliases } = endpoint;
    const row = this.take();
    if (!this.setId(row, id)) throw new Error(`"${id}" is not an id`);
    if (addresses.length > ADDRESSES) throw new Error(`endpoint ${id} has ${addresses.length} addresses`);
    this.setMac(row, endpoint.mac);
    for (let slot = 0; slot < ADDRESSES; slot++) this.setAddress(row, slot, addresses[slot]);
    this.words[row * WORDS + GENERATION] = endpoint.generation;
    this.runtime[row] = endpoint.runtime;
    this.interface[row] = this.interned(endpoint.interface);
    this.name[row] = endpoint.name;
    this.containerId[row] = endpoint.containerId;
    this.aliases[row] = aliases.length === 0 ? NO_ALIASES : aliases;
    this.chain(row, member);
    return row;
  }

  read(row: number): Endpoint {
    const { network, host } = this.members[row]!;
    return {
      kind: 'endpoint',
      id: this.id(row),
      network: network.id,
      host,
      runtime: this.runtime[row]!,
      containerId: this.containerId[row]!,
      interface: this.interface[row]!,
      name: this.name[row]!,
      aliases: this.aliases[row]!,
      mac: this.mac(row),
      addresses: this.addresses(row),
      generation: this.words[row * WORDS + GENERATION]!,
    };
  }

  /** Takes it out of its member's chain. */
  free(row: number): void {
    const { words } = this;
    const member = this.members[row]!;
    const [previous, next] = [words[row * WORDS + PREVIOUS]!, words[row * WORDS + NEXT]!];
    if (previous) words[previous * WORDS + NEXT] = next;
    else member.first = next;
    if (next) words[next * WORDS + PREVIOUS] = previous;
    else member.last = previous;
    this.members[row] = undefined;
    words[row * WORDS + NEXT] = this.firstFree;
    this.firstFree = row;
  }

  /** The one after it in its member's chain; 0 is none. */
  next(row: number): number {
    return this.words[row * WORDS + NEXT]!;
  }

  id(row: number): Id {
    return idFromWords(this.words, idAt(row));
  }

  mac(row: number): Mac {
    return macFromWords(this.words, macAt(row));
  }

  addresses(row: number): Ip[] {
    const first = this.address(row, 0);
    const second = this.address(row, 1);
    return first === undefined ? [] : second === undefined ? [first] : [first, second];
  }

  /** Undefined if it has not so many. */
  address(row: number, slot: number): Ip | undefined {
    return ipFromWords(this.addressForm(row, slot), this.words, ipAt(row, slot));
  }

  /** How it stands in its words. */
  addressForm(row: number, slot: number): number {
    return (this.words[row * WORDS + FORMS]! >>> (slot * 8)) & 255;
  }

  /** False if it is none. */
  setId(row: number, id: string): boolean {
    return idToWords(id, this.words, idAt(row));
  }

  setMac(row: number, mac: Mac): void {
    macToWords(mac, this.words, macAt(row));
  }

  setAddress(row: number, slot: number, ip: Ip | undefined): void {
    const form = ipToWords(ip, this.words, ipAt(row, slot));
    const at = row * WORDS + FORMS;
    this.words[at] = (this.words[at]! & ~(255 << (slot * 8))) | (form << (slot * 8));
  }

  private take(): number {
    const free = this.firstFree;
    if (free) {
      this.firstFree = this.next(free);
      return free;
    }
    const row = this.members.length;
    if ((row + 1) * WORDS > this.words.length) {
      const { words } = this;
      this.words = new Uint32Array(words.length * 2);
      this.words.set(words);
    }
    return row;
  }

  private chain(row: number, member: Member): void {
    const { words } = this;
    this.members[row] = member;
    words[row * WORDS + PREVIOUS] = member.last;
    words[row * WORDS + NEXT] = 0;
    if (member.last) words[member.last * WORDS + NEXT] = row;
    else member.first = row;
    member.last = row;
  }

  private interned(name: string): string {
    const known = this.interfaces.get(name);
    if (known === undefined) this.interfaces.set(name, name);
    return known ?? name;
  }
}

export const idAt = (row: number): number => row * WORDS + ID;
export const macAt = (row: number): number => row * WORDS + MAC;
export const ipAt = (row: number, slot: number): number => row * WORDS + IP + slot * IP_WORDS;
