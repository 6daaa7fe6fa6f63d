import type { ReceivedMessage } from '#netlink/message.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { NUD } from '#netlink/route/neighbour.ts';
import { hashRow, mix, rowStateOf } from '#netlink/route/row-hash.ts';

/**
 * A number for many rows, whatever their order: as long as it is the same, so are they. It costs a fraction of keeping
 * and comparing them. Rows that the kernel learns and forgets with the traffic do not count.
 */
export class RowSum {
  readonly #family: number;
  readonly #lasting: number;
  #count = 0;
  /** Two sums of two hashes: 64 bits are enough for rows that nobody chooses to our harm. */
  #first = 0;
  #second = 0;

  constructor(family: number) {
    this.#family = family;
    this.#lasting = family === AF_BRIDGE ? NUD.PERMANENT | NUD.NOARP : NUD.PERMANENT;
  }

  add(row: ReceivedMessage): void {
    if (!(rowStateOf(row) & this.#lasting)) return;
    const hash = hashRow(row);
    this.#count++;
    this.#first = (this.#first + hash) | 0;
    this.#second = (this.#second + mix(hash, this.#family)) | 0;
  }

  toString(): string {
    return `${this.#count} ${this.#first >>> 0} ${this.#second >>> 0}`;
  }
}
