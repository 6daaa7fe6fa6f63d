import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { type NeighbourRow, NUD } from '#netlink/route/neighbour.ts';

/**
 * A number for many rows, whatever their order: as long as it is the same, so are they. It costs a fraction of keeping
 * and comparing them. Rows that the kernel learns and forgets with the traffic do not count.
 */
export class RowSum {
  #count = 0;
  /** Two sums of two hashes: 64 bits are enough for rows that nobody chooses to our harm. */
  #first = 0;
  #second = 0;

  add(family: number, row: NeighbourRow): void {
    const lasting = family === AF_BRIDGE ? NUD.PERMANENT | NUD.NOARP : NUD.PERMANENT;
    if (!(row.state & lasting)) return;
    const { bytes, macAt, dstAt, dstBytes } = row;
    let hash = mix(
      row.ifindex,
      (row.state << 16) | (row.flags << 2) | (row.hasDetour ? 2 : 0) | (row.hasVlan ? 1 : 0),
    );
    if (macAt >= 0) hash = mix(mix(hash, wordOf(bytes, macAt)), wordOf(bytes, macAt + 2));
    for (let i = 0; i < dstBytes; i += 4) hash = mix(hash, wordOf(bytes, dstAt + i));
    this.#count++;
    this.#first = (this.#first + hash) | 0;
    this.#second = (this.#second + mix(hash, family)) | 0;
  }

  toString(): string {
    return `${this.#count} ${this.#first >>> 0} ${this.#second >>> 0}`;
  }
}

const wordOf = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

/** A step of MurmurHash3, finished so that sums do not cancel out. */
function mix(hash: number, word: number): number {
  let mixed = Math.imul(hash ^ Math.imul(word, 0xcc9e2d51), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
