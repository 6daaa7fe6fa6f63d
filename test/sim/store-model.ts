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
    return thawed(await this.#store.read());
  }

  /** What hosts said of themselves last. */
  get statuses(): MemoryStore {
    return this.#store;
  }

  async commit(changes: readonly Change[], expected: Revision): Promise<CommitOutcome> {
    const kept = frozen(thawed(changes));
    const outcome = await this.#store.commit(kept, expected);
    if (outcome.outcome === 'conflict') return outcome;
    const before = this.head;
    const after = new Snapshot(before.records(), before.revision);
    after.apply(kept, outcome.revision);
    const batch = { revision: outcome.revision, changes: kept };
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

/** As it is when it has been on the disk. */
const thawed = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Whoever has it shares it with others: nobody may change it. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) frozen(each);
  return Object.freeze(value);
}
