import type { Change, Revision, StoredRecord } from '#model/records.ts';

/** One commit, as the log keeps it. */
export interface Batch {
  readonly revision: Revision;
  readonly changes: readonly Change[];
}

/** What the feed gives: commits in order, or the word that the asker is too old and must read everything anew. */
export type Feed =
  | { readonly feed: 'batch'; readonly batch: Batch }
  | { readonly feed: 'wipe'; readonly revision: Revision; readonly records: readonly StoredRecord[] };

export type CommitOutcome =
  | { readonly outcome: 'committed'; readonly revision: Revision }
  /** Somebody else committed first: look at the head and admit again. */
  | { readonly outcome: 'conflict'; readonly head: Revision };

/**
 * Records with revisions and a change feed. Every store passes `store.contract.ts`; nothing outside this room knows
 * which one runs.
 */
export interface Store {
  /** The committed state and its revision, read as one. */
  read(): Promise<{ readonly revision: Revision; readonly records: readonly StoredRecord[] }>;

  /**
   * Writes all changes or none, if the head is still `expected`. Resolves after the flush: what was acknowledged
   * survives `kill -9` and power loss. Throws {@link StoreError} (disk full, corrupt, closed).
   */
  commit(changes: readonly Change[], expected: Revision): Promise<CommitOutcome>;

  /**
   * Calls back for every commit after `since`, in order and without gaps, first the past then the present; a `since`
   * that the log no longer holds, or never reached, gives one wipe first. Returns the way to stop.
   */
  watch(since: Revision, onFeed: (feed: Feed) => void): () => void;

  /** Forgets the log (not the records) up to and including that revision. */
  compact(upTo: Revision): Promise<void>;

  /**
   * Status lives beside the records, with no revision of theirs: the last word of each key wins. A power cut may leave
   * an older one, unless something was committed since.
   */
  putStatus(key: string, value: Uint8Array): Promise<void>;
  readStatus(): Promise<ReadonlyMap<string, Uint8Array>>;
  deleteStatus(key: string): Promise<void>;

  close(): Promise<void>;
}
