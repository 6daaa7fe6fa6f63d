import fs from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Revision } from '#model/records.ts';
import type { Snapshot, SnapshotView } from '#model/snapshot.ts';
import { formatView, parseView } from './view-format.ts';

/** Changes come in bursts; the file is a help for the next start, never the only copy. */
const WRITE_DELAY_MS = 500;

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

/** Keeps the view on disk, whole and by rename, at most every half second. */
export class ViewFile {
  private readonly file: string;
  private readonly view: SnapshotView;
  private readonly log: Logger;
  private readonly onKept: (revision: Revision) => void;
  private timer: NodeJS.Timeout | undefined;

  constructor(file: string, view: SnapshotView, log: Logger, onKept: (revision: Revision) => void) {
    this.file = file;
    this.view = view;
    this.log = log;
    this.onKept = onKept;
  }

  keepSoon(): void {
    this.timer ??= setTimeout(() => this.keepNow(), WRITE_DELAY_MS);
  }

  /** A write that is due happens now. */
  close(): void {
    if (this.timer) this.keepNow();
  }

  private keepNow(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { revision } = this.view;
    try {
      writeWhole(this.file, formatView(this.view));
      this.onKept(revision);
    } catch (error) {
      this.log.warn({ file: this.file, error: String(error) }, 'the view cannot be kept');
    }
  }
}

function writeWhole(file: string, parts: readonly Uint8Array[]): void {
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  const fd = fs.openSync(draft, 'w', 0o600);
  try {
    fs.writeFileSync(fd, Buffer.concat(parts));
    fs.fdatasyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(draft, file);
}
