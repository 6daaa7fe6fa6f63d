/** Packed rows as a map, of which each look gives a value of its own. Row 0 is none. */
export class RowLookup<K, V> {
  private readonly find: (key: K) => number;
  private readonly value: (row: number) => V;
  private readonly each: () => Iterable<[K, number]>;

  constructor(find: (key: K) => number, value: (row: number) => V, each: () => Iterable<[K, number]>) {
    this.find = find;
    this.value = value;
    this.each = each;
  }

  has(key: K): boolean {
    return this.find(key) > 0;
  }

  get(key: K): V | undefined {
    const row = this.find(key);
    return row > 0 ? this.value(row) : undefined;
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    for (const [key, row] of this.each()) yield [key, this.value(row)];
  }

  *keys(): Generator<K> {
    for (const [key] of this.each()) yield key;
  }

  *values(): Generator<V> {
    for (const [, row] of this.each()) yield this.value(row);
  }

  /** Costs a pass. */
  get size(): number {
    let size = 0;
    for (const _ of this.each()) size++;
    return size;
  }
}
