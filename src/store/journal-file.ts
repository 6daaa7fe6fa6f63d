import { closeSync, fdatasyncSync, lstatSync, openSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, unreadableError } from './file-error.ts';
import { formatHeader, HEADER_BYTES, type JournalEntry, parseJournal } from './journal-line.ts';
import { syncDirectory } from './sync-directory.ts';

interface OpenedFile {
  readonly file: JournalFile;
  readonly entries: readonly JournalEntry[];
  /** Length of the last line's beginning, which was cut off. */
  readonly droppedBytes: number;
}

/** Longer flushes than this are not waited for with the event loop standing still, but for this share of the time. */
const QUICK_MS = 1;
const HURRY_SHARE = 1 / 50;

/** What gives something back finds this much room, on a disk that is full for all else. */
const RESERVE_BYTES = 1 << 16;
/** A file that does not grow is flushed faster: it does so by so much at once. */
const GROWTH_BYTES = 1 << 14;

/**
 * A journal's bytes: what was appended is on the disk, what could not be appended has left no trace. Behind them are
 * zeros, room for what comes.
 */
export class JournalFile {
  private readonly path: string;
  private handle: FileHandle;
  /** The same file opened once more: the kernel tells of a failed flush once to each. */
  private hurriedFd: number | undefined;
  private end: number;
  /** Length of the file. */
  private size: number;
  /** The file's name may not be on the disk yet; nothing is acknowledged before it is. */
  private nameIsLoose = true;
  /** Ends the flush under way. */
  private endFlush: (() => void) | undefined;
  private noHurryBeforeMs = 0;

  private constructor(path: string, { handle, end, size }: Written) {
    this.path = path;
    this.handle = handle;
    this.end = end;
    this.size = size;
    this.openHurried();
  }

  /** Opens it, or makes it, and cuts off a last line that was never finished. */
  static async open(path: string): Promise<OpenedFile> {
    const handle = await open(path, 'r+').catch(async (error) => {
      if (error.code !== 'ENOENT') throw error;
      // To a disk that is not mounted, say: what is there must not be taken for nothing.
      if (lstatSync(path, { throwIfNoEntry: false }))
        throw unreadableError(path, 'is a link that leads nowhere');
      return (await writeWhole(path, [])).handle;
    });
    try {
      if (!(await handle.stat()).isFile()) throw unreadableError(path, 'is not a file');
      const bytes = await handle.readFile();
      const { entries, end } = parseJournal(bytes, path);
      const droppedBytes = lengthOfText(bytes.subarray(end));
      writeAllNow(handle.fd, Buffer.alloc(droppedBytes), end);
      const file = new JournalFile(path, { handle, end, size: bytes.length });
      return { file, entries, droppedBytes };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Resolves when the line, and the file's name, have been flushed; or else are where the next flush takes them along.
   * Before that `onWritten` is called, when the line outlives this process. What gives something back may use up what
   * is kept for it.
   */
  async append(
    line: Buffer,
    onWritten: () => void,
    { isUnflushed = false, givesBack = false } = {},
  ): Promise<void> {
    try {
      if (this.nameIsLoose) await syncDirectory(dirname(this.path));
      this.nameIsLoose = false;
      this.makeRoom(line.length, givesBack);
      writeAllNow(this.handle.fd, line, this.end);
      const flushing = isUnflushed ? undefined : this.flush();
      // Not from here: what it throws is no error of the file's.
      queueMicrotask(onWritten);
      await flushing;
    } catch (error) {
      this.wipe(line.length);
      throw fileError(error, this.path);
    }
    this.end += line.length;
    if (!isUnflushed) this.markAcknowledged();
  }

  /** Throws when there is none for a line of that length. */
  private makeRoom(length: number, givesBack: boolean): void {
    const needed = this.end + length + RESERVE_BYTES;
    if (needed <= this.size) return;
    try {
      while (this.size < needed + GROWTH_BYTES) {
        const more = Math.min(GROWTH_BYTES, needed + GROWTH_BYTES - this.size);
        this.size += writeSync(this.handle.fd, Buffer.alloc(more), 0, more, this.size);
      }
    } catch (error) {
      if (this.size < (givesBack ? needed - RESERVE_BYTES : needed)) throw error;
    }
  }

  /** Of a line that was not taken down nothing stays. */
  private wipe(length: number): void {
    try {
      writeAllNow(this.handle.fd, Buffer.alloc(Math.min(length, this.size - this.end)), this.end);
    } catch {
      // The next line is written over the same place.
    }
  }

  private async flush(): Promise<void> {
    const hurried = new Promise<void>((resolve) => {
      this.endFlush = resolve;
    });
    try {
      await Promise.race([this.handle.datasync(), hurried]);
    } finally {
      this.endFlush = undefined;
    }
  }

  /** Ends the flush under way from here: mostly the other thread has done it by now. What fails is left to that. */
  hurry(): void {
    const beganMs = performance.now();
    if (!this.endFlush || this.hurriedFd === undefined || beganMs < this.noHurryBeforeMs) return;
    try {
      fdatasyncSync(this.hurriedFd);
      this.endFlush();
    } catch {
      // It is heard of when that flush ends.
    }
    const tookMs = performance.now() - beganMs;
    if (tookMs > QUICK_MS) this.noHurryBeforeMs = beganMs + tookMs / HURRY_SHARE;
  }

  private openHurried(): void {
    this.closeHurried();
    try {
      this.hurriedFd = openSync(this.path, 'r+');
    } catch {
      // Without it flushes take their time.
    }
  }

  private closeHurried(): void {
    if (this.hurriedFd !== undefined) closeSync(this.hurriedFd);
    this.hurriedFd = undefined;
  }

  /** Puts a file with these lines alone in its place; after a crash at any point it is the old one or the new one. */
  async replace(lines: Iterable<Buffer>): Promise<void> {
    const { handle, end, size } = await writeWhole(this.path, lines);
    const old = this.handle;
    [this.handle, this.end, this.size, this.nameIsLoose] = [handle, end, size, true];
    this.openHurried();
    await old.close();
  }

  close(): Promise<void> {
    this.closeHurried();
    return this.handle.close();
  }

  /**
   * By this the next open tells a line that was lost from one that was never finished. It goes to the page cache
   * alone, which outlives us; after a power failure it is behind by the last line, which its checksum vouches for.
   */
  private markAcknowledged(): void {
    try {
      writeSync(this.handle.fd, formatHeader(this.end), 0, HEADER_BYTES, 0);
    } catch {
      // It stays behind until the next line.
    }
  }
}

/** A file with lines up to `end`, and zeros up to `size`. */
interface Written {
  readonly handle: FileHandle;
  readonly end: number;
  readonly size: number;
}

/** Without the zeros behind it. */
export function lengthOfText(bytes: Buffer): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return length;
}

/** How much of a new file is made ready at once: the event loop has its turn in between. */
const CHUNK_BYTES = 1 << 18;

/** Writes a new file aside, flushes it and moves it into place, so that a journal is never there without its header. */
async function writeWhole(path: string, lines: Iterable<Buffer>): Promise<Written> {
  const aside = `${path}.new`;
  const handle = await open(aside, 'w+', 0o600);
  try {
    let end = HEADER_BYTES;
    for (const bytes of gather(lines)) {
      await writeAll(handle, bytes, end);
      end += bytes.length;
    }
    const size = end + RESERVE_BYTES + GROWTH_BYTES;
    await writeAll(handle, Buffer.alloc(size - end), end);
    await writeAll(handle, formatHeader(end), 0);
    await handle.datasync();
    await rename(aside, path);
    return { handle, end, size };
  } catch (error) {
    await handle.close();
    await rm(aside, { force: true });
    throw fileError(error, path);
  }
}

function* gather(lines: Iterable<Buffer>): Generator<Buffer> {
  let chunk: Buffer[] = [];
  let size = 0;
  for (const line of lines) {
    chunk.push(line);
    size += line.length;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.concat(chunk);
    [chunk, size] = [[], 0];
  }
  yield Buffer.concat(chunk);
}

/** Into the page cache, which is quicker than the way to another thread and back; what takes long is the flush. */
function writeAllNow(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** write(2) may take less than it was given; on a disk that fills up the refusal comes with the next call. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
