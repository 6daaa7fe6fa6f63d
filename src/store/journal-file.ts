import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, unreadableError } from './file-error.ts';
import { JOURNAL_HEADER, type JournalEntry, parseJournal } from './journal-line.ts';
import { syncDirectory } from './sync-directory.ts';

/** A journal's bytes: what was appended is on the disk, what could not be appended has left no trace. */
export class JournalFile {
  private readonly path: string;
  private handle: FileHandle;
  private end: number;
  /** The file's name may not be on the disk yet; nothing is acknowledged before it is. */
  private nameIsLoose = true;

  private constructor(path: string, handle: FileHandle, end: number) {
    this.path = path;
    this.handle = handle;
    this.end = end;
  }

  /** Opens or makes it, and cuts off a last line that was never finished; of how many bytes is told. */
  static async open(path: string) {
    const handle = await open(path, 'r+').catch((error) => {
      if (error.code !== 'ENOENT') throw error;
      return open(path, 'wx+', 0o600);
    });
    try {
      if (!(await handle.stat()).isFile()) throw unreadableError(path, 'is not a file');
      const bytes = await handle.readFile();
      const { entries, end } = parseJournal(bytes, path);
      const droppedBytes = bytes.length - end;
      if (droppedBytes > 0) await handle.truncate(end);
      return { file: new JournalFile(path, handle, end), entries, droppedBytes } satisfies OpenedFile;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Resolves when the line, and the file's name, have been flushed. */
  async append(line: Buffer): Promise<void> {
    const bytes = this.end === 0 ? Buffer.concat([JOURNAL_HEADER, line]) : line;
    try {
      if (this.nameIsLoose) await syncDirectory(dirname(this.path));
      this.nameIsLoose = false;
      await writeAll(this.handle, bytes, this.end);
      await this.handle.datasync();
    } catch (error) {
      // If even this fails, the next line is written over the same place.
      await this.handle.truncate(this.end).catch(() => {});
      throw fileError(error, this.path);
    }
    this.end += bytes.length;
  }

  /** Puts a file with these lines alone in its place; after a crash at any point it is the old one or the new one. */
  async replace(lines: Iterable<Buffer>): Promise<void> {
    const aside = `${this.path}.new`;
    const handle = await open(aside, 'w', 0o600);
    let end = 0;
    try {
      for (const bytes of gather([JOURNAL_HEADER], lines)) {
        await writeAll(handle, bytes, end);
        end += bytes.length;
      }
      await handle.datasync();
      await rename(aside, this.path);
    } catch (error) {
      await handle.close();
      await rm(aside, { force: true });
      throw fileError(error, this.path);
    }
    const old = this.handle;
    this.handle = handle;
    this.end = end;
    this.nameIsLoose = true;
    await old.close();
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

interface OpenedFile {
  readonly file: JournalFile;
  readonly entries: readonly JournalEntry[];
  readonly droppedBytes: number;
}

/** How much of a new file is made ready at once: the event loop gets its turn in between. */
const CHUNK_BYTES = 1 << 18;

function* gather(...parts: Iterable<Buffer>[]): Generator<Buffer> {
  let chunk: Buffer[] = [];
  let size = 0;
  for (const part of parts) {
    for (const bytes of part) {
      chunk.push(bytes);
      size += bytes.length;
      if (size < CHUNK_BYTES) continue;
      yield Buffer.concat(chunk);
      [chunk, size] = [[], 0];
    }
  }
  yield Buffer.concat(chunk);
}

/** write(2) may take less than it was given; the rest of a full disk's errors comes with the next call. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
