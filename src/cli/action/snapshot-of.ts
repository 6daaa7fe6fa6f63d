import { parseRecord, WireError } from '#api/wire-records.ts';
import type { RecordKind, StoredRecord } from '#model/records.ts';
import { Snapshot, type SnapshotView } from '#model/snapshot.ts';
import type { Records } from './records.ts';

/** The records as admission sees them, so that both judge alike. What only a newer Weft understands is left out. */
export function snapshotOf({
  revision,
  hosts,
  networks,
  blocks,
  endpoints,
  adoptions,
  peers,
  exposures,
  publications,
}: Records): SnapshotView {
  const read = (kind: RecordKind, messages: readonly object[]): StoredRecord[] =>
    messages.flatMap((message) => tryRead(kind, message));
  const records = [
    ...read('host', hosts),
    ...read('network', networks),
    ...read('block', blocks),
    ...read('endpoint', endpoints),
    ...read('adoption', adoptions),
    ...read('peer', peers),
    ...read('exposure', exposures),
    ...read('publication', publications),
  ];
  return new Snapshot(records, Number(revision));
}

function tryRead(kind: RecordKind, message: object): StoredRecord[] {
  try {
    return [parseRecord(kind, message)];
  } catch (error) {
    if (error instanceof WireError) return [];
    throw error;
  }
}
