import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes renames and new files in that directory durable: fsync(2) of a file does not reach its name. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
