import { ownBlockWith } from '#intent/own-blocks.ts';
import type { Life } from '#model/life.ts';
import type { Change, Revision } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import type { MemoryStore } from '#store/memory-store.ts';
import type { Batch, CommitOutcome } from '#store/store.ts';

/** controller/begin-life.ts */
const LIVES = 'lives';

type OnCommit = (before: Snapshot, batch: Batch, after: Snapshot) => Promise<void>;

/** The store on its disk: what it holds has been flushed. Whether the writer hears of it is another matter. */
export class StoreModel {
  /** Until then there is no room: a commit fails and leaves no trace. */
  fullUntilMs = 0;
  /** How often it was restored from a backup. */
  restores = 0;
  readonly #create: () => MemoryStore;
  #store: MemoryStore;
  readonly #log: Batch[] = [];
  readonly #history: Snapshot[] = [new Snapshot()];
  readonly #onCommit: OnCommit;

  constructor(create: () => MemoryStore, onCommit: OnCommit) {
    this.#create = create;
    this.#store = create();
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

  /** An older backup takes its place, of so many commits ago at most; false when there is none that hosts come to terms with. */
  async restore(most: number): Promise<boolean> {
    let { revision } = this.head;
    const least = revision - most;
    while (revision > Math.max(least, 0) && isToldAgain(this.#log[revision - 1]!, this.#history[revision]!))
      revision--;
    if (revision === this.head.revision) return false;
    this.#log.length = revision;
    this.#history.length = revision + 1;
    const lives = await this.#livesUpTo(revision);
    this.#store = this.#create();
    if (lives) await this.#store.putStatus(LIVES, lives);
    for (const { changes, revision: each } of this.#log) await this.#store.commit(changes, each - 1);
    this.restores++;
    return true;
  }

  /** As the backup has them. */
  async #livesUpTo(revision: Revision): Promise<Uint8Array | undefined> {
    const kept = (await this.#store.readStatus()).get(LIVES);
    if (!kept) return undefined;
    const lives = JSON.parse(new TextDecoder().decode(kept)) as Life[];
    return new TextEncoder().encode(JSON.stringify(lives.filter(({ from }) => from <= revision)));
  }

  /** The records as they were at that revision; undefined if it never was. */
  at(revision: Revision): Snapshot | undefined {
    return this.#history[revision];
  }

  batchAfter(revision: Revision): Batch | undefined {
    return this.#log[revision];
  }
}

/**
 * Whether a backup may lack it. Hosts tell again what they gave from their own blocks. Of all else the store is the only
 * one who knows it: who restores an older one than that gives addresses twice (agent/session.ts).
 */
const isToldAgain = ({ changes }: Batch, after: Snapshot): boolean =>
  changes.every((change) => {
    if (change.verb === 'delete') return !['host', 'network', 'block'].includes(change.ref.kind);
    const { record } = change;
    if (record.kind === 'endpoint') {
      const host = after.hosts.get(record.host);
      return (
        host !== undefined && record.addresses.every((ip) => ownBlockWith(ip, record.network, host, after))
      );
    }
    return record.kind !== 'host' && record.kind !== 'block';
  });

/** As it is when it has been on the disk. */
const thawed = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Whoever has it shares it with others: nobody may change it. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) frozen(each);
  return Object.freeze(value);
}
