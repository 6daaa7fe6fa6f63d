import type { Revision, StoredRecord } from '#model/records.ts';
import type { Batch, Feed } from './store.ts';

/** The log of commits, as those who watch it read it. */
export interface CommitLog {
  /** The log holds the revisions above `compacted` up to `head`. */
  bounds(): { readonly head: Revision; readonly compacted: Revision };
  /** At most `limit` commits after that revision, in order. */
  batchesAfter(since: Revision, limit: number): readonly Batch[];
  /** The records as of the head. */
  records(): readonly StoredRecord[];
}

interface Watcher {
  position: Revision;
  turn: NodeJS.Immediate | undefined;
  readonly onFeed: (feed: Feed) => void;
}

/** How many commits are given in one turn of the event loop, so that a long past does not hold up everything else. */
const BATCHES_PER_TURN = 256;

/**
 * Everybody who watches one log. A watcher is a place in the log: a commit merely wakes it, and what it is given it
 * reads from the log, the past and the present alike. So there is no seam between them at which a commit could be
 * lost or seen twice, and one that falls behind a compaction finds itself too old and gets its wipe.
 */
export class Watchers {
  private readonly log: CommitLog;
  private readonly watchers = new Set<Watcher>();

  constructor(log: CommitLog) {
    this.log = log;
  }

  /** Never calls back before it has returned, nor after it was stopped. */
  add(since: Revision, onFeed: (feed: Feed) => void): () => void {
    const watcher: Watcher = { position: since, turn: undefined, onFeed };
    this.watchers.add(watcher);
    this.schedule(watcher);
    return () => this.remove(watcher);
  }

  /** To be called after each commit. */
  wake(): void {
    for (const watcher of this.watchers) this.schedule(watcher);
  }

  clear(): void {
    for (const watcher of this.watchers) this.remove(watcher);
  }

  private remove(watcher: Watcher): void {
    this.watchers.delete(watcher);
    clearImmediate(watcher.turn);
  }

  private schedule(watcher: Watcher): void {
    watcher.turn ??= setImmediate(() => {
      watcher.turn = undefined;
      this.feed(watcher);
    });
  }

  private feed(watcher: Watcher): void {
    const { head, compacted } = this.log.bounds();
    if (!(watcher.position >= compacted && watcher.position <= head)) {
      watcher.position = head;
      watcher.onFeed({ feed: 'wipe', revision: head, records: this.log.records() });
      return;
    }
    for (const batch of this.log.batchesAfter(watcher.position, BATCHES_PER_TURN)) {
      if (!this.watchers.has(watcher)) return;
      watcher.position = batch.revision;
      watcher.onFeed({ feed: 'batch', batch });
    }
    if (this.watchers.has(watcher) && watcher.position < head) this.schedule(watcher);
  }
}
