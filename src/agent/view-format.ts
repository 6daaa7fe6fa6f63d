import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { parseRecord } from '#api/wire-records.ts';
import type { PackedEndpoints } from '#model/endpoint-table.ts';
import type { Id } from '#model/id.ts';
import { type Host, RECORD_SCHEMA, type StoredRecord } from '#model/records.ts';
import { Snapshot, type SnapshotView } from '#model/snapshot.ts';

/*
 * A view as a file. Endpoints, of which there can be a hundred thousand, are as they are in memory, so that an agent
 * is right again in the time that the kernel takes; what they are is vouched for by the checksum.
 *
 *   weftview 1 CHECKSUM LENGTH\n      of all that follows; of the JSON alone
 *   {"schema":…,"revision":…,"lives":…,"records":[…],"members":…,"texts":…}    blanks up to a multiple of 4 bytes
 *   words of the endpoints' rows
 */
const VERSION = 1;
const HEADER_BYTES = 32;
const HEADER = /^weftview (\d+) ([0-9a-f]{8}) (\d+)\s*$/;

const lifeSchema = z.object({ id: z.string().transform((id) => id as Id), from: z.number() });

const headSchema = z.object({
  schema: z.literal(RECORD_SCHEMA),
  revision: z.number().int().min(0),
  records: z.array(z.looseObject({ kind: z.string() })),
  members: z.custom<PackedEndpoints['members']>(Array.isArray),
  texts: z.custom<PackedEndpoints['texts']>((value) => typeof value === 'object'),
  firstFree: z.number().int().min(0),
  // Unknown to earlier versions.
  lives: z.array(lifeSchema).default([]),
});

/** The file's parts, in order. */
export function formatView(view: SnapshotView): Uint8Array[] {
  const { words, ...packed } = view.endpoints.pack();
  const records = [...view.recordsButEndpoints()];
  const { revision, lives } = view;
  const json = Buffer.from(JSON.stringify({ schema: RECORD_SCHEMA, revision, lives, records, ...packed }));
  const head = Buffer.concat([json, Buffer.alloc(-json.length & 3, ' ')]);
  const rows = new Uint8Array(words.buffer.slice(words.byteOffset, words.byteOffset + words.byteLength));
  const checksum = crc32(rows, crc32(head)).toString(16).padStart(8, '0');
  const header = `weftview ${VERSION} ${checksum} ${head.length}`.padEnd(HEADER_BYTES - 1);
  return [Buffer.from(`${header}\n`), head, rows];
}

/** Throws what is wrong with it. */
export function parseView(bytes: Buffer): Snapshot {
  const [, version, checksum, length] = HEADER.exec(bytes.toString('latin1', 0, HEADER_BYTES)) ?? [];
  if (Number(version) !== VERSION) throw new Error('is no view of this version');
  const body = bytes.subarray(HEADER_BYTES);
  if (crc32(body) !== Number.parseInt(checksum!, 16)) throw new Error('is damaged or cut off');
  const end = HEADER_BYTES + Number(length);
  const head = headSchema.parse(JSON.parse(bytes.toString('utf8', HEADER_BYTES, end)));
  const view = new Snapshot(readRecords(head.records), head.revision);
  const words = new Uint32Array(bytes.buffer.slice(bytes.byteOffset + end, bytes.byteOffset + bytes.length));
  view.lives = head.lives;
  view.unpackEndpoints({ ...head, words });
  return view;
}

/**
 * Fields that an earlier program did not know are filled in. The checksum vouches for the rest, and one program wrote
 * them all: when its first host lacks nothing, the others, of which there can be thousands, are taken as they are.
 */
function readRecords(records: readonly { readonly kind: string }[]): StoredRecord[] {
  const read = ({ kind, ...record }: { readonly kind: string }) => parseRecord(kind, record);
  const first = records.find(({ kind }) => kind === 'host');
  const areWhole = first && JSON.stringify(read(first)) === JSON.stringify(first);
  return records.map((record) => (areWhole && record.kind === 'host' ? (record as Host) : read(record)));
}
