import type { Fdb, Neighbour } from '#model/kernel-state.ts';
import { ipFormOfHead, ROW_IP, ROW_MAC, ROW_WORDS, stateOfHead } from '#model/row-kind.ts';
import type { Rows } from '#model/rows.ts';
import { IPV4, IPV6 } from '#model/words.ts';
import type { NetlinkError } from '#netlink/netlink-error.ts';
import { packNeighbourWords } from '#netlink/route/neighbour.ts';
import { fdbHead } from './fdb.ts';
import { NEIGHBOUR_HEAD } from './neighbour.ts';
import type { Visit } from './visit.ts';

/** What rows of one device have in common, and their states as the kernel has them. */
export interface RowsHead {
  readonly family: number | undefined;
  readonly flags: number;
  readonly states: readonly number[];
  readonly protocol: number | undefined;
}

/** Writes many rows of one device, some at a time, out of the words that they are. */
export class RowWriter {
  readonly #visit: Visit;
  readonly #rows: Rows;
  readonly #head: RowsHead;
  /** The row that is being written. */
  readonly #entry;
  #next = 0;

  /** `first` is any of them. */
  constructor(visit: Visit, ifindex: number, first: Fdb | Neighbour, rows: Rows) {
    this.#visit = visit;
    this.#rows = rows;
    this.#head = first.kind === 'fdb' ? fdbHead(first) : NEIGHBOUR_HEAD;
    const { family, flags, protocol } = this.#head;
    const { words } = rows;
    this.#entry = { family, ifindex, state: 0, flags, protocol, words, macAt: 0, ipAt: 0, ipWords: 0 };
  }

  get isDone(): boolean {
    return this.#next === this.#rows.length;
  }

  /** The next ones, in one send: so many at most. Gives how many it were, and tells of those that were refused. */
  write(most: number, onRefused: (row: number, error: NetlinkError) => void): number {
    const first = this.#next;
    const end = Math.min(this.#rows.length, first + most);
    while (this.#next < end && this.#pack(this.#next)) this.#next++;
    for (const [place, error] of this.#visit.conversation.sendPacked()) onRefused(first + place, error);
    return this.#next - first;
  }

  /** False when there is no room. */
  #pack(row: number): boolean {
    const entry = this.#entry;
    const { words } = this.#rows;
    const at = row * ROW_WORDS;
    const form = ipFormOfHead(words[at]!);
    entry.state = this.#head.states[stateOfHead(words[at]!)]!;
    entry.macAt = at + ROW_MAC;
    entry.ipAt = at + ROW_IP;
    entry.ipWords = form === IPV4 ? 1 : form === IPV6 ? 4 : 0;
    // The all-zero MAC has many rows.
    const isZero = words[entry.macAt] === 0 && words[entry.macAt + 1] === 0;
    return packNeighbourWords(this.#visit.conversation.packed, entry, isZero ? 'append' : 'replace');
  }
}
