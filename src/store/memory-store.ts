import type { Change, RecordRef, Revision, StoredRecord } from '#model/records.ts';
import type { Batch, CommitOutcome, Feed, Store } from './store.ts';
import { StoreError } from './store-error.ts';
import { Watchers } from './watchers.ts';

const keyOf = ({ kind, id }: RecordRef): string => `${kind}/${id}`;

/** A {@link Store} in memory, for tests and the simulator: the same contract, with nothing that survives. */
export class MemoryStore implements Store {
  private readonly records = new Map<string, StoredRecord>();
  private readonly status = new Map<string, Uint8Array>();
  private log: Batch[] = [];
  private head: Revision = 0;
  private closed = false;
  private readonly watchers = new Watchers({
    bounds: () => ({ head: this.head, compacted: this.head - this.log.length }),
    batchesAfter: (since, limit) => {
      const start = since - (this.head - this.log.length);
      return this.log.slice(start, start + limit);
    },
    records: () => [...this.records.values()],
  });

  async read() {
    this.mustBeOpen();
    return { revision: this.head, records: [...this.records.values()] };
  }

  async commit(changes: readonly Change[], expected: Revision): Promise<CommitOutcome> {
    this.mustBeOpen();
    if (expected !== this.head) return { outcome: 'conflict', head: this.head };
    for (const change of changes) {
      if (change.verb === 'put') this.records.set(keyOf(change.record), change.record);
      else this.records.delete(keyOf(change.ref));
    }
    const revision = ++this.head;
    this.log.push({ revision, changes: [...changes] });
    this.watchers.wake();
    return { outcome: 'committed', revision };
  }

  watch(since: Revision, onFeed: (feed: Feed) => void): () => void {
    this.mustBeOpen();
    return this.watchers.add(since, onFeed);
  }

  async compact(upTo: Revision): Promise<void> {
    this.mustBeOpen();
    this.log = this.log.filter(({ revision }) => revision > upTo);
  }

  async putStatus(key: string, value: Uint8Array): Promise<void> {
    this.mustBeOpen();
    this.status.set(key, Uint8Array.from(value));
  }

  async readStatus(): Promise<ReadonlyMap<string, Uint8Array>> {
    this.mustBeOpen();
    return new Map(this.status);
  }

  async deleteStatus(key: string): Promise<void> {
    this.mustBeOpen();
    this.status.delete(key);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.watchers.clear();
  }

  private mustBeOpen(): void {
    if (this.closed) throw new StoreError('closed', 'the store has been closed', 'open it again');
  }
}
