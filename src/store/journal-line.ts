import { crc32 } from 'node:zlib';
import { corruptError } from './file-error.ts';
import { StoreError } from './store-error.ts';

/** One word of the journal; the last one of a key holds. */
export type JournalEntry =
  | { readonly key: string; readonly value: unknown }
  | { readonly key: string; readonly deleted: true };

const VERSION = 1;
const NEWLINE = 0x0a;
/** Always as long, so that it can be written over in place; within one disk sector, so that it changes at once. */
export const HEADER_BYTES = 32;

/** The first line: up to which byte everything has been flushed and acknowledged. */
export const formatHeader = (acknowledged: number): Buffer =>
  Buffer.from(`weft-journal ${VERSION} ${String(acknowledged).padStart(16, '0')}\n`);

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
 * Reads a whole journal, up to the first line that is not whole. If that line had been acknowledged, the file has
 * been damaged or cut: StoreError 'corrupt'. If not, its write was never finished.
 */
export function parseJournal(bytes: Buffer, path: string): ParsedJournal {
  const acknowledged = parseHeader(bytes, path);
  const entries: JournalEntry[] = [];
  let end = HEADER_BYTES;
  for (;;) {
    const newline = bytes.indexOf(NEWLINE, end);
    const line = newline < 0 ? undefined : parseLine(bytes.subarray(end, newline));
    if (!line) break;
    for (const entry of line) entries.push(entry);
    end = newline + 1;
  }
  if (end < acknowledged) throw corruptError(path, `is damaged or cut off after byte ${end}`);
  return { entries, end };
}

function parseHeader(bytes: Buffer, path: string): number {
  const header = bytes.toString('latin1', 0, HEADER_BYTES);
  const version = Number(/^weft-journal (\d+)[ \n]/.exec(header)?.[1]);
  if (version > VERSION) {
    const problem = `${path}: is a journal of version ${version}; this Weft reads version ${VERSION}`;
    throw new StoreError('newer-schema', problem, 'upgrade this Weft');
  }
  const acknowledged = Number(/ (\d{16})\n$/.exec(header)?.[1]);
  if (version === VERSION && acknowledged >= HEADER_BYTES) return acknowledged;
  throw corruptError(path, 'does not begin as a Weft journal');
}
