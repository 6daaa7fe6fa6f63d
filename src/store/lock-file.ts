import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { fileError } from './file-error.ts';
import { StoreError } from './store-error.ts';

/**
 * Takes the one exclusive lock on that file (made if absent) and returns the way to let go of it.
 * Throws StoreError 'locked', naming the holder, when another open file has it, in this process or any other.
 *
 * The lock is flock(2)'s: it belongs to the open file description, so the kernel drops it with the process, `kill -9`
 * included, and nothing stale is left to judge. Node has no flock of its own; util-linux's locks the descriptor that
 * it inherits from us, and the lock stays ours when it has exited.
 */
export async function lockFile(path: string): Promise<() => void> {
  let fd: number;
  try {
    fd = openSync(path, 'a+', 0o600);
  } catch (error) {
    throw fileError(error, path);
  }
  try {
    await flock(fd, path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  nameHolder(fd);
  return () => closeSync(fd);
}

/** A courtesy to whoever is refused; on a full disk it stays undone. */
function nameHolder(fd: number): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
  } catch {}
}

async function flock(fd: number, path: string): Promise<void> {
  const child = spawn('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  const [status] = await once(child, 'exit').catch((cause) => {
    throw new StoreError('other', `cannot run flock: ${cause.message}`, 'install util-linux', { cause });
  });
  if (status === 0) return;
  const holder = readFileSync(path, 'utf8').trim();
  throw new StoreError(
    'locked',
    `${path}: held by process ${holder || 'unknown'}`,
    'stop the other process, or use another directory',
  );
}
