import type { Fdb, Neighbour } from './kernel-state.ts';
import { ROW_WORDS, type RowDevice, type RowKind, readRow } from './row-kind.ts';

/** Rows of one device, as a table has them: for ops, of which there can be a hundred thousand. */
export class Rows<R extends Fdb | Neighbour = Fdb | Neighbour> {
  /** Laid out as in `row-kind.ts`. */
  readonly words: Uint32Array;
  readonly length: number;
  private readonly kind: RowKind<R>;
  private readonly device: RowDevice;

  constructor(kind: RowKind<R>, device: RowDevice, words: Uint32Array) {
    this.kind = kind;
    this.device = device;
    this.words = words;
    this.length = words.length / ROW_WORDS;
  }

  at(row: number): R {
    return readRow(this.kind, this.device, this.words, row * ROW_WORDS);
  }

  *[Symbol.iterator](): Generator<R> {
    for (let row = 0; row < this.length; row++) yield this.at(row);
  }
}
