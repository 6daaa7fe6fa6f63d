import type { Id } from './id.ts';
import { idFromWords, idToWords } from './id-words.ts';
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import type { Endpoint } from './records.ts';
import { ipFromWords, ipToWords, macFromWords, macToWords, NO_IP } from './words.ts';

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

/** Images that are built anew by the hour would else be kept for ever, whoever is gone that was made from them. */
const MOST_KNOWN = 4096;

const NO_ALIASES: readonly string[] = [];

/** What is no number, by row. */
interface Texts {
  readonly runtime: Endpoint['runtime'][];
  readonly interface: string[];
  readonly name: string[];
  readonly containerId: string[];
  /** Empty where it is not known. */
  readonly image: string[];
  readonly aliases: (readonly string[])[];
}

/** All rows, as they can be kept in a file: of no use to a program that lays them out otherwise. */
export interface PackedRows {
  readonly words: Uint32Array;
  readonly texts: Texts;
  readonly firstFree: number;
}

/**
 * Endpoints as rows of words and texts: a cluster can have a hundred thousand, and an object with strings of its own
 * for each would take three times the memory. Row 0 is a draft, for what is looked for; the others are added and freed.
 */
export class EndpointRows {
  words: Uint32Array = new Uint32Array(WORDS * FIRST_ROOM);
  /** Undefined for a row that is free. */
  readonly members: (Member | undefined)[] = [undefined];
  private texts: Texts = { runtime: [], interface: [], name: [], containerId: [], image: [], aliases: [] };
  /** Runtimes, images and interfaces have few names, and each record a copy of its own. */
  private readonly known = new Map<string, string>();
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
    const { texts } = this;
    texts.runtime[row] = this.interned(endpoint.runtime);
    texts.interface[row] = this.interned(endpoint.interface);
    texts.name[row] = endpoint.name;
    texts.containerId[row] = endpoint.containerId;
    texts.image[row] = this.interned(endpoint.image ?? '');
    texts.aliases[row] = aliases.length === 0 ? NO_ALIASES : aliases;
    this.chain(row, member);
    return row;
  }

  read(row: number): Endpoint {
    const { network, host } = this.members[row]!;
    const { texts } = this;
    return {
      kind: 'endpoint',
      id: this.id(row),
      network: network.id,
      host,
      runtime: texts.runtime[row]!,
      containerId: texts.containerId[row]!,
      ...(texts.image[row] && { image: texts.image[row] }),
      interface: texts.interface[row]!,
      name: texts.name[row]!,
      aliases: texts.aliases[row]!,
      mac: this.mac(row),
      addresses: this.addresses(row),
      generation: this.words[row * WORDS + GENERATION]!,
    };
  }

  /** Not a copy: to be written down before anything changes. */
  pack(): PackedRows {
    const { texts, firstFree } = this;
    return { words: this.words.subarray(0, this.members.length * WORDS), texts, firstFree };
  }

  /** Instead of what is in it; whose rows they are must be said by `members`. */
  unpack({ words, texts, firstFree }: PackedRows): void {
    this.words = words;
    // A view of an earlier version has no images.
    this.texts = {
      ...texts,
      image: texts.image ?? [],
      aliases: texts.aliases.map((names) => (names?.length ? names : NO_ALIASES)),
    };
    this.firstFree = firstFree;
    this.members.length = words.length / WORDS;
  }

  isOfContainer(row: number, containerId: string): boolean {
    return this.texts.containerId[row] === containerId;
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

  copyMac(row: number, words: Uint32Array, at: number): void {
    const from = macAt(row);
    words[at] = this.words[from]!;
    words[at + 1] = this.words[from + 1]!;
  }

  /** Fills all four words; gives how it stands in them, which is not at all if it has not so many. */
  copyAddress(row: number, slot: number, words: Uint32Array, at: number): number {
    if (slot >= ADDRESSES) return NO_IP;
    const from = ipAt(row, slot);
    for (let i = 0; i < IP_WORDS; i++) words[at + i] = this.words[from + i]!;
    return this.addressForm(row, slot);
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

  private interned<T extends string>(name: T): T {
    const known = this.known.get(name);
    if (known === undefined && this.known.size >= MOST_KNOWN) this.known.clear();
    if (known === undefined) this.known.set(name, name);
    return (known ?? name) as T;
  }
}

export const idAt = (row: number): number => row * WORDS + ID;
export const macAt = (row: number): number => row * WORDS + MAC;
export const ipAt = (row: number, slot: number): number => row * WORDS + IP + slot * IP_WORDS;
