/** A map that says whether it may have changed since somebody looked. */
export class CountedMap<K, V> extends Map<K, V> {
  changes = 0;

  constructor(entries: Iterable<readonly [K, V]> = []) {
    // Map's own constructor would call set() before the count is there.
    super();
    for (const [key, value] of entries) this.set(key, value);
  }

  override set(key: K, value: V): this {
    this.changes++;
    return super.set(key, value);
  }

  override delete(key: K): boolean {
    this.changes++;
    return super.delete(key);
  }

  override clear(): void {
    this.changes++;
    super.clear();
  }
}
