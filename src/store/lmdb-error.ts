import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { fileError, fullError } from './file-error.ts';
import { StoreError } from './store-error.ts';

/** The map is used up (lmdb.h). */
const MDB_MAP_FULL = -30792;
/** errno(3). */
const EIO = 5;
/** With less than this left on the file system, a write that came out short was short of room. */
const NO_ROOM_BYTES = 1 << 20;

/** The StoreError for an error of lmdb-js on that file; its `code` is a number, of errno(3) or of lmdb.h. */
export function lmdbError(error: unknown, path: string): StoreError {
  const { code, message } = error as { code?: unknown; message: string };
  if (error instanceof StoreError || typeof code !== 'number') return fileError(error, path);
  // LMDB calls a short pwrite(2) an I/O error: on a disk that fills up, that is how the first refusal looks.
  if (code === MDB_MAP_FULL || (code === EIO && hasNoRoom(path))) return fullError(path, { cause: error });
  return fileError({ code: code > 0 ? getSystemErrorName(-code) : '', message }, path);
}

function hasNoRoom(path: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize < NO_ROOM_BYTES;
}
