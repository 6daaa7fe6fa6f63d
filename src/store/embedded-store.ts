import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import {
  type Change,
  RECORD_SCHEMA,
  type RecordRef,
  type Revision,
  type StoredRecord,
} from '#model/records.ts';
import { corruptError, fileError } from './file-error.ts';
import { type Journal, type JournalChange, openJournal } from './journal.ts';
import type { Batch, CommitOutcome, Feed, Store } from './store.ts';
import { StoreError } from './store-error.ts';
import { Watchers } from './watchers.ts';

/** What the journal keeps under each key; its checksums and the schema vouch for what `data` is. */
const Versioned = z.object({ schema: z.int(), data: z.unknown() }).readonly();
type Versioned = z.infer<typeof Versioned>;

interface Head {
  /** The revision of the last commit. */
  readonly head: Revision;
  /** The log begins after it. */
  readonly compacted: Revision;
}

/*
 * One journal with four kinds of keys:
 *
 *   head                → Head
 *   log/42              → the changes of revision 42
 *   record/endpoint/…   → the record
 *   status/…            → the status, in base64
 */
const HEAD = 'head';
const RECORD = 'record/';
const STATUS = 'status/';
const LOG = 'log/';
const logKey = (revision: Revision): string => `${LOG}${revision}`;
const recordKey = ({ kind, id }: RecordRef): string => `${RECORD}${kind}/${id}`;

const putting = (key: string, data: unknown): JournalChange<Versioned> => ({
  key,
  value: { schema: RECORD_SCHEMA, data },
});
const deleting = (key: string): JournalChange<Versioned> => ({ key, deleted: true });

/**
 * Opens the store in that directory, both made if absent. One process at a time has it open, and has all of it in
 * memory, as the controller does anyway. Throws StoreError: 'locked', 'corrupt', 'newer-schema', 'unreadable', 'full'.
 */
export async function openEmbeddedStore(directory: string): Promise<Store> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, directory);
  }
  const path = join(directory, 'store.journal');
  const journal = await openJournal(path, (value) => readVersioned(value, path), isOfDeletion);
  try {
    if (journal.entries().size === 0) await journal.write([putting(HEAD, { head: 0, compacted: 0 })]);
    if (!journal.entries().has(HEAD)) throw corruptError(path, 'is a journal, but not of a store');
    return new EmbeddedStore(journal, path);
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/** Of a commit that deletes and puts nothing all that is written is like that, and of what is compacted. */
const isOfDeletion = ({ data }: Versioned, key: string): boolean =>
  key === HEAD || (key.startsWith(LOG) && (data as readonly Change[]).every(({ verb }) => verb === 'delete'));

function readVersioned(value: unknown, path: string): Versioned {
  const versioned = Versioned.parse(value);
  if (versioned.schema <= RECORD_SCHEMA) return versioned;
  throw new StoreError(
    'newer-schema',
    `${path}: has records of schema ${versioned.schema}; this Weft reads up to ${RECORD_SCHEMA}`,
    'upgrade this Weft, or restore an older backup',
  );
}

class EmbeddedStore implements Store {
  private readonly journal: Journal<Versioned>;
  private readonly path: string;
  private readonly watchers: Watchers;
  /** What looks at the head and then writes does so one after the other. */
  private lastTurn: Promise<unknown> = Promise.resolve();
  private closing: Promise<void> | undefined;

  constructor(journal: Journal<Versioned>, path: string) {
    this.journal = journal;
    this.path = path;
    this.watchers = new Watchers({
      bounds: () => this.head(),
      batchesAfter: (since, limit) => this.log(since, limit),
      records: () => this.records(),
    });
  }

  async read() {
    this.mustBeOpen();
    return { revision: this.head().head, records: this.records() };
  }

  async commit(changes: readonly Change[], expected: Revision): Promise<CommitOutcome> {
    this.mustBeOpen();
    return this.inTurn(async () => {
      const { head, compacted } = this.head();
      if (head !== expected) return { outcome: 'conflict', head };
      const revision = head + 1;
      const toRecord = (change: Change) =>
        change.verb === 'put'
          ? putting(recordKey(change.record), change.record)
          : deleting(recordKey(change.ref));
      await this.journal.write([
        ...changes.map(toRecord),
        putting(logKey(revision), changes),
        putting(HEAD, { head: revision, compacted } satisfies Head),
      ]);
      this.watchers.wake();
      return { outcome: 'committed', revision };
    });
  }

  watch(since: Revision, onFeed: (feed: Feed) => void): () => void {
    this.mustBeOpen();
    return this.watchers.add(since, onFeed);
  }

  async compact(upTo: Revision): Promise<void> {
    this.mustBeOpen();
    await this.inTurn(async () => {
      const { head, compacted } = this.head();
      const last = Math.min(upTo, head);
      if (last <= compacted) return;
      const forgotten = Array.from({ length: last - compacted }, (_, i) =>
        deleting(logKey(compacted + 1 + i)),
      );
      await this.journal.write([...forgotten, putting(HEAD, { head, compacted: last } satisfies Head)]);
    });
  }

  /** Not flushed by itself: a commit that was decided by it comes behind it in the file, and takes it along. */
  async putStatus(key: string, value: Uint8Array): Promise<void> {
    this.mustBeOpen();
    await this.journal.write([putting(STATUS + key, Buffer.from(value).toString('base64'))], 'this-boot');
  }

  async deleteStatus(key: string): Promise<void> {
    this.mustBeOpen();
    await this.journal.write([deleting(STATUS + key)]);
  }

  async readStatus(): Promise<ReadonlyMap<string, Uint8Array>> {
    this.mustBeOpen();
    const status = new Map<string, Uint8Array>();
    for (const [key, { data }] of this.journal.entries())
      if (key.startsWith(STATUS))
        status.set(key.slice(STATUS.length), Uint8Array.from(Buffer.from(data as string, 'base64')));
    return status;
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    this.watchers.clear();
    await this.lastTurn;
    await this.journal.close();
  }

  private mustBeOpen(): void {
    if (this.closing) throw new StoreError('closed', `${this.path}: has been closed`, 'open it again');
  }

  private inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.lastTurn.then(step);
    this.lastTurn = turn.catch(() => {});
    return turn;
  }

  private head(): Head {
    return this.journal.entries().get(HEAD)!.data as Head;
  }

  private records(): StoredRecord[] {
    const records: StoredRecord[] = [];
    for (const [key, { data }] of this.journal.entries())
      if (key.startsWith(RECORD)) records.push(data as StoredRecord);
    return records;
  }

  private log(since: Revision, limit: number): Batch[] {
    const batches: Batch[] = [];
    const last = Math.min(since + limit, this.head().head);
    for (let revision = since + 1; revision <= last; revision++) {
      const changes = this.journal.entries().get(logKey(revision))!.data as readonly Change[];
      batches.push({ revision, changes });
    }
    return batches;
  }
}
