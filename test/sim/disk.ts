import { givesBack, type JournalEntry } from '#agent/attachment.ts';
import type { Revision } from '#model/records.ts';
import type { Snapshot, SnapshotView } from '#model/snapshot.ts';
import type { Cores } from './cores.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

interface Write {
  readonly key: string;
  readonly entry?: JournalEntry;
  /** As a line of the journal has it. */
  readonly text?: string;
  /** It outlives the process, not yet the machine. */
  isAppended: boolean;
}

/** How long view-file.ts lets changes gather. */
const VIEW_DELAY_MS = 500;

/** An agent's disk. What was flushed survives anything; of what was not, a crash keeps a beginning, power loss too. */
export class Disk {
  /** Until then there is no room: a journal write fails and leaves no trace, unless it gives something back. */
  fullUntilMs = 0;
  readonly #lines = new Map<string, string>();
  /** The file's bytes. */
  #view: Buffer | undefined;
  #olderView: Buffer | undefined;
  #writing: Write[] = [];
  #lastDoneMs = 0;
  #viewIsDue = false;
  /** Counts crashes: what an earlier process began is not carried on. */
  #life = 0;
  readonly #cores: Cores;
  readonly #timeline: Timeline;
  readonly #random: Random;

  constructor(cores: Cores, timeline: Timeline, random: Random) {
    this.#cores = cores;
    this.#timeline = timeline;
    this.#random = random;
  }

  /** What a process finds that starts now: nothing that another one has in its hands. */
  readJournal(): Map<string, JournalEntry> {
    const { parseJournalEntry } = this.#cores;
    return new Map([...this.#lines].map(([key, text]) => [key, parseJournalEntry(JSON.parse(text))]));
  }

  readView(): Snapshot | undefined {
    return this.#view && this.#cores.parseView(this.#view);
  }

  /** Appends (`appended` tells) and flushes (`done` does), one after the other, in the order of the calls. */
  write(
    key: string,
    entry: JournalEntry | undefined,
    done: (written: boolean) => void,
    appended?: () => void,
  ): void {
    const write = { key, entry, text: entry && JSON.stringify(entry), isAppended: false };
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
      this.#olderView = this.#view;
      this.#view = Buffer.concat(this.#cores.formatView(view));
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
    if (this.#random.chance(0.5)) this.#view = this.#olderView;
  }

  #hasRoomFor(entry?: JournalEntry): boolean {
    return this.#timeline.nowMs >= this.fullUntilMs || !entry || givesBack(entry);
  }

  #flush({ key, text }: Write): void {
    if (text) this.#lines.set(key, text);
    else this.#lines.delete(key);
  }
}
