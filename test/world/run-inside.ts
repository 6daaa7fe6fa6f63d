import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childrenOf } from '#lab/machine/machine.ts';
import type { MortalDaemon } from '#lab/machine/mortal-daemon.ts';

/** Runs a command among the processes and mounts of what `unshare --mount --pid --fork` of a daemon has started. */
export async function runInside({ pid }: MortalDaemon, ...words: readonly string[]): Promise<string> {
  const [init] = childrenOf(pid);
  const command = ['-t', `${init}`, '--mount', '--pid', ...words];
  return (await promisify(execFile)('nsenter', command)).stdout.trimEnd();
}
