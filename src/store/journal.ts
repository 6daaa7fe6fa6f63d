import { corruptError, fileError } from './file-error.ts';
import { JournalFile } from './journal-file.ts';
import { formatLine, type JournalEntry } from './journal-line.ts';
import { lockFile } from './lock-file.ts';
import { StoreError } from './store-error.ts';

export type JournalChange<T> =
  | { readonly key: string; readonly value: T }
  | { readonly key: string; readonly deleted: true };

/**
 * How a change may be kept when nobody waits for the disk. `patient`: it waits a little for others to be flushed with.
 * `this-boot`: acknowledged once it outlives this process; it outlives the machine with the next flush, whenever that is.
 */
export type Manner = 'patient' | 'this-boot';

/** A durable map in one file: every change is appended and flushed before it is acknowledged. */
export interface Journal<T> {
  /** What is on the disk: a change is seen here once its promise resolves, not before. The map is live. */
  entries(): ReadonlyMap<string, T>;
  /**
   * Makes all these changes or none, in order; deleting the absent is nothing. Resolves after fdatasync(2); what is
   * written meanwhile shares the next one. Calls take effect in their order. Rejects with StoreError 'full' when
   * there is no room: then nothing was written, and the same call may succeed later. For deletions alone, and values that
   * `givesBack` says are like them, some room is kept: a full disk does not hold on to anything. Values are plain frozen data
   * that JSON can say. `onWritten` is called when they outlive this process, if not yet the machine: the flush may fail.
   */
  write(changes: readonly JournalChange<T>[], manner?: Manner, onWritten?: () => void): Promise<void>;
  /** One change alone, as by {@link write}. */
  put(key: string, value: T, manner?: Manner, onWritten?: () => void): Promise<void>;
  delete(key: string, manner?: Manner): Promise<void>;
  /**
   * For who has nothing left to do but to wait for the flush that is under way, and would have to hear of its end behind
   * all else that the event loop has: waits here and now, on a disk where that is short. Nothing without a flush.
   */
  hurry(): void;
  /** Waits for what was begun. Idempotent. */
  close(): Promise<void>;
  /** Length of a last write that a crash had cut short, found and removed at opening; it was never acknowledged. */
  readonly droppedBytes: number;
}

/**
 * Opens that file, made if absent, and replays it. `parse` judges each value that is still current, and throws if it
 * is none of its own (a StoreError of its own goes through). Throws StoreError: 'corrupt', 'newer-schema', 'locked' (open elsewhere), 'unreadable', 'full'.
 */
export async function openJournal<T>(
  path: string,
  parse: (value: unknown) => T,
  givesBack: (value: T, key: string) => boolean = () => false,
): Promise<Journal<T>> {
  const unlock = await lockFile(`${path}.lock`);
  let file: JournalFile | undefined;
  try {
    const opened = await JournalFile.open(path);
    file = opened.file;
    const values = replay(opened.entries, parse, path);
    return new FileJournal({ path, ...opened, values, entryCount: opened.entries.length, unlock, givesBack });
  } catch (error) {
    await file?.close();
    unlock();
    throw fileError(error, path);
  }
}

function replay<T>(
  entries: readonly JournalEntry[],
  parse: (value: unknown) => T,
  path: string,
): Map<string, T> {
  const current = new Map<string, unknown>();
  for (const entry of entries) {
    if ('deleted' in entry) current.delete(entry.key);
    else current.set(entry.key, entry.value);
  }
  const values = new Map<string, T>();
  for (const [key, value] of current) {
    try {
      values.set(key, parse(value));
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      throw corruptError(path, `"${key}" is not what belongs there: ${(cause as Error).message}`, { cause });
    }
  }
  return values;
}

/** The file is replaced when more than this many of its entries, and more than half, are past. */
const PAST_ENTRIES = 1024;

/** How long a patient change waits at most. */
const PATIENCE_MS = 50;

interface Parts<T> {
  readonly path: string;
  readonly file: JournalFile;
  readonly values: Map<string, T>;
  readonly entryCount: number;
  readonly droppedBytes: number;
  readonly unlock: () => void;
  readonly givesBack: (value: T, key: string) => boolean;
}

interface Waiting<T> {
  readonly changes: readonly JournalChange<T>[];
  readonly givesBack: boolean;
  readonly json: readonly string[];
  readonly manner: Manner | undefined;
  readonly onWritten: (() => void) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class FileJournal<T> implements Journal<T> {
  readonly droppedBytes: number;
  private readonly path: string;
  private readonly file: JournalFile;
  private readonly unlock: () => void;
  private readonly givesBack: (value: T, key: string) => boolean;
  private readonly values: Map<string, T>;
  /** Of the file, past ones included. */
  private entryCount: number;
  /** Past entries that are borne with before the next attempt to be rid of them. */
  private patience = PAST_ENTRIES;
  private waiting: Waiting<T>[] = [];
  /** Whether one of them is not patient, or has been so for long enough. */
  private isUrgent = false;
  private waking: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  constructor({ path, file, values, entryCount, droppedBytes, unlock, givesBack }: Parts<T>) {
    this.path = path;
    this.file = file;
    this.values = values;
    this.entryCount = entryCount;
    this.droppedBytes = droppedBytes;
    this.unlock = unlock;
    this.givesBack = givesBack;
  }

  entries(): ReadonlyMap<string, T> {
    return this.values;
  }

  async write(changes: readonly JournalChange<T>[], manner?: Manner, onWritten?: () => void): Promise<void> {
    if (this.closing) throw new StoreError('closed', `${this.path}: has been closed`, 'open it again');
    const json = changes.map((change) => JSON.stringify(change));
    const givesBack = changes.every(
      (change) => 'deleted' in change || this.givesBack(change.value, change.key),
    );
    await new Promise<void>((resolve, reject) => {
      this.waiting.push({ changes, json, givesBack, manner, onWritten, resolve, reject });
      if (manner !== 'patient') this.wake();
      else if (!this.isUrgent) this.waking ??= setTimeout(() => this.wake(), PATIENCE_MS);
    });
  }

  put(key: string, value: T, manner?: Manner, onWritten?: () => void): Promise<void> {
    return this.write([{ key, value }], manner, onWritten);
  }

  delete(key: string, manner?: Manner): Promise<void> {
    return this.write([{ key, deleted: true }], manner);
  }

  hurry(): void {
    this.file.hurry();
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    this.wake();
    await this.writing;
    await this.file.close();
    this.unlock();
  }

  /** The patient, too, need not wait any longer. */
  private wake(): void {
    clearTimeout(this.waking);
    this.waking = undefined;
    this.isUrgent = this.waiting.length > 0;
    this.writing ??= this.writeWaiting();
  }

  /** Group commit: while one flush is under way the next line gathers. */
  private async writeWaiting(): Promise<void> {
    // All that is called in this turn belongs to the first line.
    await Promise.resolve();
    while (this.isUrgent) {
      this.isUrgent = false;
      const line = this.waiting;
      this.waiting = [];
      await this.writeLine(line);
      await this.forgetPast();
    }
    this.writing = undefined;
  }

  /** For what gives something back there may be room where there is none for the others. */
  private async writeLine(line: readonly Waiting<T>[]): Promise<void> {
    const givesBack = line.every((each) => each.givesBack);
    try {
      const text = formatLine(line.flatMap(({ json }) => json));
      const onWritten = () => {
        for (const each of line) each.onWritten?.();
      };
      await this.file.append(text, onWritten, {
        isUnflushed: line.every(({ manner }) => manner === 'this-boot'),
        givesBack,
      });
    } catch (error) {
      const rest = givesBack ? [] : line.filter((each) => each.givesBack);
      for (const each of line) if (!rest.includes(each)) each.reject(error);
      if (rest.length > 0) await this.writeLine(rest);
      return;
    }
    for (const { changes, resolve } of line) {
      for (const change of changes) this.apply(change);
      resolve();
    }
  }

  private apply(change: JournalChange<T>): void {
    this.entryCount++;
    if ('deleted' in change) this.values.delete(change.key);
    else this.values.set(change.key, change.value);
  }

  private async forgetPast(): Promise<void> {
    const past = this.entryCount - this.values.size;
    if (past <= Math.max(this.patience, this.values.size)) return;
    try {
      await this.file.replace(this.currentLines());
      this.entryCount = this.values.size;
      this.patience = PAST_ENTRIES;
    } catch {
      // Without room for a second file the old one goes on; it holds everything.
      this.patience = past * 2;
    }
  }

  private *currentLines(): Generator<Buffer> {
    for (const [key, value] of this.values) yield formatLine([JSON.stringify({ key, value })]);
  }
}
