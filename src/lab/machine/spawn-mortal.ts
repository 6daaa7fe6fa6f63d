import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

/** Starts a program that the kernel kills when we die, however we do (prctl(2), PR_SET_PDEATHSIG). */
export const spawnMortal = (command: readonly string[], options: SpawnOptions): ChildProcess =>
  spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], options);
