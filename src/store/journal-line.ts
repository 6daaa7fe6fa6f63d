import { crc32 } from 'node:zlib';
import { corruptError } from './file-error.ts';
import { StoreError } from './store-error.ts';

/** One word of the journal; the last one of a key holds. */
export type JournalEntry =
  | { readonly key: string; readonly value: unknown }
  | { readonly key: string; readonly deleted: true };

const VERSION = 1;
const MAGIC = 'weft-journal ';
/** The first line. */
export const JOURNAL_HEADER = Buffer.from(`${MAGIC}${VERSION}\n`);
const NEWLINE = 0x0a;

const checksum = (json: string | Buffer): string => crc32(json).toString(16).padStart(8, '0');

/**
 * What is written at once and flushed at once is one line, so that a crash leaves all of it or none:
 *
 *   5f3c01a9 [{"key":"endpoint/01J…","value":{…}},{"key":"endpoint/01K…","deleted":true}]
 *
 * Takes the entries as JSON already (JSON has no newline in it).
 */
export function formatLine(entries: readonly string[]): Buffer {
  const json = `[${entries.join(',')}]`;
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

/** undefined for a line that is not whole. */
function parseLine(line: Buffer): readonly JournalEntry[] | undefined {
  const json = line.subarray(9);
  return line.toString('latin1', 0, 9) === `${checksum(json)} ` ? JSON.parse(json.toString()) : undefined;
}

export interface ParsedJournal {
  readonly entries: readonly JournalEntry[];
  /** Where the next line belongs. */
  readonly end: number;
}

/**
 * Reads a whole journal. A last line that was never finished was never acknowledged: `end` lies before it. Anything
 * else that is broken had been acknowledged and is StoreError 'corrupt'.
 */
export function parseJournal(bytes: Buffer, path: string): ParsedJournal {
  if (bytes.length < JOURNAL_HEADER.length && JOURNAL_HEADER.subarray(0, bytes.length).equals(bytes))
    return { entries: [], end: 0 };
  checkHeader(bytes, path);
  const entries: JournalEntry[] = [];
  let end = JOURNAL_HEADER.length;
  for (;;) {
    const newline = bytes.indexOf(NEWLINE, end);
    const line = newline < 0 ? undefined : parseLine(bytes.subarray(end, newline));
    if (!line) break;
    for (const entry of line) entries.push(entry);
    end = newline + 1;
  }
  if (!isUnfinished(bytes.subarray(end))) throw corruptError(path, `is damaged at byte ${end}`);
  return { entries, end };
}

/**
 * Whether this is what a crash leaves of the one line that is being written: a beginning of it, or, after a power
 * failure, all of it but with zeros (JSON has none) in place of pages that had not reached the disk.
 */
function isUnfinished(tail: Buffer): boolean {
  const newline = tail.indexOf(NEWLINE);
  // A line that is whole but for its newline was finished, and its newline damaged later.
  if (newline < 0) return parseLine(tail.subarray(0, -1)) === undefined;
  return newline === tail.length - 1 && tail.includes('\0\0');
}

function checkHeader(bytes: Buffer, path: string): void {
  const header = bytes.toString('latin1', 0, Math.max(bytes.indexOf(NEWLINE), 0));
  const version = header.startsWith(MAGIC) ? Number(header.slice(MAGIC.length)) : Number.NaN;
  if (version === VERSION) return;
  if (!(version > VERSION)) throw corruptError(path, 'does not begin as a Weft journal');
  const problem = `${path}: is a journal of version ${version}; this Weft reads version ${VERSION}`;
  throw new StoreError('newer-schema', problem, 'upgrade this Weft');
}
