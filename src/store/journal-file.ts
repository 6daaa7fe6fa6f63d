import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
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

/** A journal's bytes: what was appended is on the disk, what could not be appended has left no trace. */
export class JournalFile {
  private readonly path: string;
  private handle: FileHandle;
  /** The same file opened once more: the kernel tells of a failed flush once to each. */
  private hurriedFd: number | undefined;
  private end: number;
  /** The file's name may not be on the disk yet; nothing is acknowledged before it is. */
  private nameIsLoose = true;
  /** Ends the flush under way. */
  private endFlush: (() => void) | undefined;
  private noHurryBeforeMs = 0;

  private constructor(path: string, handle: FileHandle, end: number) {
    this.path = path;
    this.handle = handle;
    this.end = end;
    this.openHurried();
  }

  /** Opens it, or makes it, and cuts off a last line that was never finished. */
  static async open(path: string): Promise<OpenedFile> {
    const handle = await open(path, 'r+').catch(async (error) => {
      if (error.code !== 'ENOENT') throw error;
      return (await writeWhole(path, [])).handle;
    });
    try {
      if (!(await handle.stat()).isFile()) throw unreadableError(path, 'is not a file');
      const bytes = await handle.readFile();
      const { entries, end } = parseJournal(bytes, path);
      const droppedBytes = bytes.length - end;
      if (droppedBytes > 0) await handle.truncate(end);
      return { file: new JournalFile(path, handle, end), entries, droppedBytes };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Resolves when the line, and the file's name, have been flushed; or else are where the next flush takes them along.
   * Before that `onWritten` is called, when the line outlives this process.
   */
  async append(line: Buffer, onWritten: () => void, unflushed?: 'unflushed'): Promise<void> {
    try {
      if (this.nameIsLoose) await syncDirectory(dirname(this.path));
      this.nameIsLoose = false;
      writeAllNow(this.handle.fd, line, this.end);
      const flushing = unflushed ? undefined : this.flush();
      // Not from here: what it throws is no error of the file's.
      queueMicrotask(onWritten);
      await flushing;
    } catch (error) {
      // If even this fails, the next line is written over the same place.
      await this.handle.truncate(this.end).catch(() => {});
      throw fileError(error, this.path);
    }
    this.end += line.length;
    if (!unflushed) this.markAcknowledged();
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
    const { handle, end } = await writeWhole(this.path, lines);
    const old = this.handle;
    [this.handle, this.end, this.nameIsLoose] = [handle, end, true];
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

/** How much of a new file is made ready at once: the event loop has its turn in between. */
const CHUNK_BYTES = 1 << 18;

/** Writes a new file aside, flushes it and moves it into place, so that a journal is never there without its header. */
async function writeWhole(
  path: string,
  lines: Iterable<Buffer>,
): Promise<{ handle: FileHandle; end: number }> {
  const aside = `${path}.new`;
  const handle = await open(aside, 'w+', 0o600);
  try {
    let end = HEADER_BYTES;
    for (const bytes of gather(lines)) {
      await writeAll(handle, bytes, end);
      end += bytes.length;
    }
    await writeAll(handle, formatHeader(end), 0);
    await handle.datasync();
    await rename(aside, path);
    return { handle, end };
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
