import type { Change, Revision } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import type { MemoryStore } from '#store/memory-store.ts';
import type { Batch, CommitOutcome } from '#store/store.ts';

type OnCommit = (before: Snapshot, batch: Batch, after: Snapshot) => Promise<void>;

/** The store on its disk: what it holds has been flushed. Whether the writer hears of it is another matter. */
export class StoreModel {
  /** Until then there is no room: a commit fails and leaves no trace. */
  fullUntilMs = 0;
  readonly #store: MemoryStore;
  readonly #log: Batch[] = [];
  readonly #history: Snapshot[] = [new Snapshot()];
  readonly #onCommit: OnCommit;

  constructor(store: MemoryStore, onCommit: OnCommit) {
    this.#store = store;
    this.#onCommit = onCommit;
  }

  get head(): Snapshot {
    return this.#history.at(-1)!;
  }

  async read() {
    return this.#store.read();
  }

  async commit(changes: readonly Change[], expected: Revision): Promise<CommitOutcome> {
    const outcome = await this.#store.commit(changes, expected);
    if (outcome.outcome === 'conflict') return outcome;
    const before = this.head;
    const after = new Snapshot(before.records(), before.revision);
    after.apply(changes, outcome.revision);
    const batch = { revision: outcome.revision, changes: [...changes] };
    this.#history.push(after);
    this.#log.push(batch);
    await this.#onCommit(before, batch, after);
    return outcome;
  }

  /** The records as they were at that revision; undefined if it never was. */
  at(revision: Revision): Snapshot | undefined {
    return this.#history[revision];
  }

  batchAfter(revision: Revision): Batch | undefined {
    return this.#log[revision];
  }
}
