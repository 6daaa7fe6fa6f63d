import type { Change, Revision, StoredRecord } from '#model/records.ts';
import { corruptError } from './file-error.ts';
import { lmdbError } from './lmdb-error.ts';
import { decodeVersioned, encodeVersioned, seal, unseal } from './sealed-value.ts';
import type { Batch, CommitOutcome, Feed, Store } from './store.ts';
import { StoreError } from './store-error.ts';
import {
  ALL_RECORDS,
  ALL_STATUS,
  DURABLE,
  HEAD,
  type Head,
  logKey,
  openStoreFile,
  recordKey,
  type StoreFile,
  statusKey,
  statusName,
} from './store-file.ts';
import { Watchers } from './watchers.ts';

/**
 * The default store: LMDB in that directory, made if absent; nothing to install. One process at a time has it open.
 * Throws StoreError: 'locked', 'corrupt', 'newer-schema', 'unreadable', 'full'.
 */
export const openEmbeddedStore = async (directory: string): Promise<Store> =>
  new EmbeddedStore(await openStoreFile(directory));

/** A commit holds the event loop for its two flushes (pages, then the meta page). */
class EmbeddedStore implements Store {
  private readonly file: StoreFile;
  private readonly watchers: Watchers;
  /** Status writes that wait for the one flush of this turn; undefined deletes. */
  private statusWrites = new Map<string, Uint8Array | undefined>();
  private statusFlush: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  constructor(file: StoreFile) {
    this.file = file;
    this.watchers = new Watchers({
      bounds: () => this.readHead(),
      batchesAfter: (since, limit) => this.readLog(since, limit),
      records: () => this.readRecords(),
    });
  }

  async read() {
    this.mustBeOpen();
    return { revision: this.readHead().head, records: this.readRecords() };
  }

  async commit(changes: readonly Change[], expected: Revision): Promise<CommitOutcome> {
    this.mustBeOpen();
    const outcome = this.write((): CommitOutcome => {
      const { head, compacted } = this.readHead();
      if (head !== expected) return { outcome: 'conflict', head };
      for (const change of changes) {
        if (change.verb === 'put') this.put(recordKey(change.record), encodeVersioned(change.record));
        else this.remove(recordKey(change.ref));
      }
      this.put(logKey(head + 1), encodeVersioned(changes));
      this.putHead({ head: head + 1, compacted });
      return { outcome: 'committed', revision: head + 1 };
    });
    this.watchers.wake();
    return outcome;
  }

  watch(since: Revision, onFeed: (feed: Feed) => void): () => void {
    this.mustBeOpen();
    return this.watchers.add(since, onFeed);
  }

  async compact(upTo: Revision): Promise<void> {
    this.mustBeOpen();
    this.write(() => {
      const { head, compacted } = this.readHead();
      const last = Math.min(upTo, head);
      if (last <= compacted) return;
      for (let revision = compacted + 1; revision <= last; revision++) this.remove(logKey(revision));
      this.putHead({ head, compacted: last });
    });
  }

  async putStatus(key: string, value: Uint8Array): Promise<void> {
    await this.writeStatus(key, Uint8Array.from(value));
  }

  async deleteStatus(key: string): Promise<void> {
    await this.writeStatus(key, undefined);
  }

  async readStatus(): Promise<ReadonlyMap<string, Uint8Array>> {
    this.mustBeOpen();
    const status = new Map<string, Uint8Array>();
    for (const { key, value } of this.file.database.getRange(ALL_STATUS))
      status.set(statusName(key), Uint8Array.from(unseal(key, value, this.file.path)));
    return status;
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    this.watchers.clear();
    await this.statusFlush?.catch(() => {});
    await this.file.database.close();
    this.file.unlock();
  }

  private mustBeOpen(): void {
    if (this.closing) throw new StoreError('closed', `${this.file.path}: has been closed`, 'open it again');
  }

  /** Runs the body as one durable transaction; all of it or nothing. */
  private write<T>(body: () => T): T {
    try {
      return this.file.database.transactionSync(body, DURABLE);
    } catch (error) {
      throw lmdbError(error, this.file.path);
    }
  }

  /** All that is written in one turn of the event loop shares one flush: thousands of agents report at once. */
  private writeStatus(key: string, value: Uint8Array | undefined): Promise<void> {
    this.mustBeOpen();
    this.statusWrites.set(key, value);
    this.statusFlush ??= new Promise(setImmediate).then(() => this.flushStatus());
    return this.statusFlush;
  }

  private flushStatus(): void {
    const writes = this.statusWrites;
    this.statusWrites = new Map();
    this.statusFlush = undefined;
    this.write(() => {
      for (const [key, value] of writes) {
        if (value) this.put(statusKey(key), value);
        else this.remove(statusKey(key));
      }
    });
  }

  private put(key: Buffer, payload: Uint8Array): void {
    this.file.database.put(key, seal(key, payload));
  }

  private remove(key: Buffer): void {
    this.file.database.remove(key);
  }

  private putHead(head: Head): void {
    this.put(HEAD, encodeVersioned(head));
  }

  private readHead(): Head {
    return this.readVersioned<Head>(HEAD);
  }

  private readRecords(): StoredRecord[] {
    const records: StoredRecord[] = [];
    for (const { key, value } of this.file.database.getRange(ALL_RECORDS))
      records.push(decodeVersioned(unseal(key, value, this.file.path), this.file.path));
    return records;
  }

  private readLog(since: Revision, limit: number): Batch[] {
    const last = Math.min(since + limit, this.readHead().head);
    const batches: Batch[] = [];
    for (let revision = since + 1; revision <= last; revision++)
      batches.push({ revision, changes: this.readVersioned<readonly Change[]>(logKey(revision)) });
    return batches;
  }

  private readVersioned<T>(key: Buffer): T {
    const value = this.file.database.get(key);
    if (!value) throw corruptError(this.file.path, `has no "${key}"`);
    return decodeVersioned(unseal(key, value, this.file.path), this.file.path);
  }
}
