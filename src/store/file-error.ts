import { StoreError } from './store-error.ts';

/** Errors of the file system by what a person can do about them; the rest are 'other' (errno(3)). */
const UNREADABLE = new Set([
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'EISDIR',
  'EEXIST',
  'ELOOP',
  'ENAMETOOLONG',
]);
/** A file system with errors becomes so by itself. */
const READ_ONLY_FIX = 'mount its file system for writing; where it was, the system log says why it is not';
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** The StoreError for an error of `node:fs` at that path; a StoreError is given back as it is. */
export function fileError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const options = { cause: error };
  if (FULL.has(code)) return fullError(path, options);
  if (code === 'EROFS') return new StoreError('unreadable', `${path}: ${message}`, READ_ONLY_FIX, options);
  if (UNREADABLE.has(code)) return unreadableError(path, message, options);
  return new StoreError('other', `${path}: ${message}`, 'look into the system log for disk errors', options);
}

export const unreadableError = (path: string, problem: string, options?: { cause: unknown }): StoreError =>
  new StoreError('unreadable', `${path}: ${problem}`, 'check the path, its owner and its mode', options);

export const fullError = (path: string, options?: { cause: unknown }): StoreError =>
  new StoreError(
    'full',
    `${path}: no space left on the device`,
    'make room on its file system; nothing that was acknowledged is lost',
    options,
  );

export const corruptError = (path: string, problem: string, options?: { cause: unknown }): StoreError =>
  new StoreError(
    'corrupt',
    `${path}: ${problem}`,
    `move ${path} away and restore it from a backup, or start anew without it`,
    options,
  );
