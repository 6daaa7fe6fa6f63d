import fs from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Revision } from '#model/records.ts';
import type { Snapshot, SnapshotView } from '#model/snapshot.ts';
import { syncDirectory } from '#store/sync-directory.ts';
import { formatView, parseView } from './view-format.ts';

/** Changes come in bursts; the file is a help for the next start, never the only copy. */
const WRITE_DELAY_MS = 500;
/** The disk is full, say. */
const RETRY_DELAY_MS = 2_000;

/** The last view on disk: complete but possibly old. A file that cannot be read is no view at all, and said so. */
export function readView(file: string, log: Logger): Snapshot | undefined {
  try {
    return parseView(fs.readFileSync(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ file, error: String(error) }, 'the kept view cannot be read; waiting for the controller');
    return undefined;
  }
}

/**
 * Keeps the view on disk, whole and by rename, at most every half second. What is told as kept is found after a power cut,
 * too: others are given what this host then no longer takes for its own.
 */
export class ViewFile {
  private readonly file: string;
  private readonly view: SnapshotView;
  private readonly log: Logger;
  private readonly onKept: (revision: Revision) => void;
  private due = false;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;

  constructor(file: string, view: SnapshotView, log: Logger, onKept: (revision: Revision) => void) {
    this.file = file;
    this.view = view;
    this.log = log;
    this.onKept = onKept;
  }

  keepSoon(): void {
    this.due = true;
    this.keepIn(WRITE_DELAY_MS);
  }

  private keepIn(ms: number): void {
    if (!this.writing) this.timer ??= setTimeout(() => this.begin(), ms);
  }

  /** A write that is due happens now. */
  async close(): Promise<void> {
    await this.writing;
    clearTimeout(this.timer);
    if (this.due) await this.keep();
  }

  private begin(): void {
    this.timer = undefined;
    this.writing = this.keep().then((isKept) => {
      this.writing = undefined;
      if (this.due) this.keepIn(isKept ? WRITE_DELAY_MS : RETRY_DELAY_MS);
    });
  }

  /** As it is now; the disk takes its time beside all else. */
  private async keep(): Promise<boolean> {
    this.due = false;
    const { revision } = this.view;
    try {
      await writeWhole(this.file, Buffer.concat(formatView(this.view)));
      this.onKept(revision);
      return true;
    } catch (error) {
      this.due = true;
      this.log.warn({ file: this.file, error: String(error) }, 'the view cannot be kept');
      return false;
    }
  }
}

async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  const handle = await fs.promises.open(draft, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await fs.promises.rename(draft, file);
  await syncDirectory(path.dirname(file));
}
