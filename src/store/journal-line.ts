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
 * Reads a whole journal. A last line that is not whole is a write that never finished and was never acknowledged:
 * `end` lies before it. A broken line that has a whole one after it had been acknowledged: StoreError 'corrupt'.
 */
export function parseJournal(bytes: Buffer, path: string): ParsedJournal {
  if (bytes.length < JOURNAL_HEADER.length && JOURNAL_HEADER.subarray(0, bytes.length).equals(bytes))
    return { entries: [], end: 0 };
  checkHeader(bytes, path);
  const entries: JournalEntry[] = [];
  let end = JOURNAL_HEADER.length;
  for (let start = end, newline: number; ; start = newline + 1) {
    newline = bytes.indexOf(NEWLINE, start);
    if (newline < 0) return { entries, end };
    const line = parseLine(bytes.subarray(start, newline));
    if (!line) continue;
    if (start !== end) throw corruptError(path, `is damaged at byte ${end}`);
    for (const entry of line) entries.push(entry);
    end = newline + 1;
  }
}

function checkHeader(bytes: Buffer, path: string): void {
  const header = bytes.toString('latin1', 0, Math.max(bytes.indexOf(NEWLINE), 0));
  const version = header.startsWith(MAGIC) ? Number(header.slice(MAGIC.length)) : Number.NaN;
  if (version === VERSION) return;
  if (!(version > VERSION)) throw corruptError(path, 'does not begin as a Weft journal');
  const problem = `${path}: is a journal of version ${version}; this Weft reads version ${VERSION}`;
  throw new StoreError('newer-schema', problem, 'upgrade this Weft');
}
