import { givesBack, type JournalEntry } from '#agent/attachment.ts';
import type { Revision, StoredRecord } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

interface Write {
  readonly key: string;
  readonly entry?: JournalEntry;
  /** It outlives the process, not yet the machine. */
  isAppended: boolean;
}

export interface KeptView {
  readonly revision: Revision;
  readonly records: readonly StoredRecord[];
}

/** How long view-file.ts lets changes gather. */
const VIEW_DELAY_MS = 500;

/** An agent's disk. What was flushed survives anything; of what was not, a crash keeps a beginning, power loss too. */
export class Disk {
  /** Until then there is no room: a journal write fails and leaves no trace, unless it gives something back. */
  fullUntilMs = 0;
  readonly journal = new Map<string, JournalEntry>();
  view: KeptView | undefined;
  #olderView: KeptView | undefined;
  #writing: Write[] = [];
  #lastDoneMs = 0;
  #viewIsDue = false;
  /** Counts crashes: what an earlier process began is not carried on. */
  #life = 0;
  readonly #timeline: Timeline;
  readonly #random: Random;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** Appends (`appended` tells) and flushes (`done` does), one after the other, in the order of the calls. */
  write(
    key: string,
    entry: JournalEntry | undefined,
    done: (written: boolean) => void,
    appended?: () => void,
  ): void {
    const write = { key, entry, isAppended: false };
    this.#writing.push(write);
    const slow = this.#random.chance(0.05) ? 80 : 2;
    const beginMs = Math.max(this.#lastDoneMs, this.#timeline.nowMs);
    this.#lastDoneMs = Math.max(this.#lastDoneMs, this.#timeline.nowMs + this.#random.between(0.2, slow));
    const life = this.#life;
    if (appended)
      this.#timeline.at(this.#random.between(beginMs, this.#lastDoneMs), () => {
        if (life !== this.#life || !this.#hasRoomFor(entry)) return;
        write.isAppended = true;
        appended();
      });
    this.#timeline.at(this.#lastDoneMs, () => {
      if (life !== this.#life) return;
      this.#writing.shift();
      const hasRoom = this.#hasRoomFor(entry);
      if (hasRoom) this.#flush(write);
      done(hasRoom);
    });
  }

  /** Whole and by rename, a while later, as it is then. */
  keepSoon(view: SnapshotView, kept: (revision: Revision) => void): void {
    if (this.#viewIsDue) return;
    this.#viewIsDue = true;
    const life = this.#life;
    this.#timeline.after(VIEW_DELAY_MS, () => {
      if (life !== this.#life) return;
      this.#viewIsDue = false;
      this.#olderView = this.view;
      this.view = { revision: view.revision, records: [...view.records()] };
      kept(view.revision);
    });
  }

  /** The process is killed. */
  crash(): void {
    this.#end(this.#writing.filter(({ isAppended }) => isAppended).length);
  }

  /** Of what was not flushed, a beginning stays: so many at least. */
  #end(least: number): void {
    this.#life++;
    this.#viewIsDue = false;
    const reached = least + this.#random.below(this.#writing.length - least + 1);
    for (const write of this.#writing.slice(0, reached))
      if (this.#hasRoomFor(write.entry)) this.#flush(write);
    this.#writing = [];
  }

  /** The machine goes down: a rename that was not flushed may be undone. */
  losePower(): void {
    this.#end(0);
    if (this.#random.chance(0.5)) this.view = this.#olderView;
  }

  #hasRoomFor(entry?: JournalEntry): boolean {
    return this.#timeline.nowMs >= this.fullUntilMs || !entry || givesBack(entry);
  }

  #flush({ key, entry }: Write): void {
    if (entry) this.journal.set(key, entry);
    else this.journal.delete(key);
  }
}
