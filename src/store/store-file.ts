import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase, type TransactionFlags } from 'lmdb';
import type { RecordRef, Revision } from '#model/records.ts';
import { corruptError, fileError } from './file-error.ts';
import { checkLmdbFile, LMDB_MAP_BYTES } from './lmdb-check.ts';
import { lmdbError } from './lmdb-error.ts';
import { lockFile } from './lock-file.ts';
import { decodeVersioned, encodeVersioned, seal, unseal } from './sealed-value.ts';
import { syncDirectory } from './sync-directory.ts';

/** The embedded store's one file, open and locked. */
export interface StoreFile {
  readonly path: string;
  readonly database: RootDatabase<Buffer, Buffer>;
  /** To be called last, when the database has been closed. */
  readonly unlock: () => void;
}

/** What stands under {@link HEAD}. */
export interface Head {
  /** The revision of the last commit. */
  readonly head: Revision;
  /** The log begins after it. */
  readonly compacted: Revision;
}

/*
 * One B-tree with four kinds of keys; every value is sealed (sealed-value.ts):
 *
 *   head                            → Head
 *   log/0000000000000042            → the changes of revision 42
 *   record/endpoint/01J…            → the record
 *   status/…                        → the status, as it was given
 */
export const HEAD = Buffer.from('head');
export const logKey = (revision: Revision): Buffer =>
  Buffer.from(`log/${String(revision).padStart(16, '0')}`);
export const recordKey = ({ kind, id }: RecordRef): Buffer => Buffer.from(`record/${kind}/${id}`);
export const statusKey = (name: string): Buffer => Buffer.from(`status/${name}`);
export const statusName = (key: Buffer): string => key.toString().slice('status/'.length);
/** '0' follows '/' in ASCII. */
export const ALL_RECORDS = { start: Buffer.from('record/'), end: Buffer.from('record0') };
export const ALL_STATUS = { start: Buffer.from('status/'), end: Buffer.from('status0') };

/**
 * ABORTABLE | SYNCHRONOUS_COMMIT of lmdb-js: on return it is flushed, and of a body that throws nothing stays.
 * (Its asynchronous transactions do not keep the loop waiting, but when the disk is full they reject promises that
 * nobody can reach, which ends the process.)
 */
export const DURABLE = 3 as TransactionFlags;

/**
 * Opens `store.mdb` in that directory, both made if absent, after a check page by page and value by value.
 * Throws StoreError: 'locked' while anybody else has it open, 'corrupt', 'newer-schema', 'unreadable', 'full'.
 */
export async function openStoreFile(directory: string): Promise<StoreFile> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, directory);
  }
  const unlock = await lockFile(join(directory, 'lock'));
  const path = join(directory, 'store.mdb');
  try {
    if (!existsSync(path)) await createFile(directory, path);
    checkFile(path);
    return { path, database: openDatabase(path), unlock };
  } catch (error) {
    unlock();
    throw lmdbError(error, path);
  }
}

/** Made aside and moved into place: a file of that name is a whole store or a damaged one, never one half made. */
async function createFile(directory: string, path: string): Promise<void> {
  const aside = join(directory, 'new.mdb');
  rmSync(aside, { force: true });
  const database = openDatabase(aside);
  const head = encodeVersioned({ head: 0, compacted: 0 } satisfies Head);
  try {
    database.transactionSync(() => void database.put(HEAD, seal(HEAD, head)), DURABLE);
  } finally {
    await database.close();
    rmSync(`${aside}-lock`, { force: true });
  }
  renameSync(aside, path);
  await syncDirectory(directory);
}

function checkFile(path: string): void {
  let head: Head | undefined;
  checkLmdbFile(path, (key, value) => {
    const payload = unseal(key, value, path);
    if (key.equals(HEAD)) head = decodeVersioned<Head>(payload, path);
  });
  if (!head) throw corruptError(path, 'has no head');
}

const openDatabase = (path: string): RootDatabase<Buffer, Buffer> =>
  open<Buffer, Buffer>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    mapSize: LMDB_MAP_BYTES,
    // With it a commit would be seen, and acknowledged, before it is flushed.
    overlappingSync: false,
  });
