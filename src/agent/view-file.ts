import fs from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { parseRecord } from '#api/wire-records.ts';
import { RECORD_SCHEMA, type Revision } from '#model/records.ts';
import { Snapshot, type SnapshotView } from '#model/snapshot.ts';

/** Changes come in bursts; the file is a help for the next start, never the only copy. */
const WRITE_DELAY_MS = 500;

const fileSchema = z.object({
  schema: z.literal(RECORD_SCHEMA),
  revision: z.number().int().min(0),
  records: z.array(z.looseObject({ kind: z.string() })),
});

/** The last view on disk: complete but possibly old. A file that cannot be read is no view at all, and said so. */
export function readView(file: string, log: Logger): Snapshot | undefined {
  try {
    const { revision, records } = fileSchema.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
    return new Snapshot(
      records.map(({ kind, ...record }) => parseRecord(kind, record)),
      revision,
    );
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
    const text = JSON.stringify({ schema: RECORD_SCHEMA, revision, records: [...this.view.records()] });
    try {
      writeWhole(this.file, text);
      this.onKept(revision);
    } catch (error) {
      this.log.warn({ file: this.file, error: String(error) }, 'the view cannot be kept');
    }
  }
}

function writeWhole(file: string, text: string): void {
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  const fd = fs.openSync(draft, 'w', 0o600);
  try {
    fs.writeSync(fd, text);
    fs.fdatasyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(draft, file);
}
