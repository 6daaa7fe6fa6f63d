import fs from 'node:fs';
import path from 'node:path';
import type { LabLayout } from './layout.ts';
import { isAlive, type ProcessRef } from './processes.ts';

/**
 * What a lab has made or is about to make. Written before the first object exists, so that whoever finds the file
 * after a crash can remove every one of them.
 */
export interface LabState {
  readonly layout: LabLayout;
  /** `starting` with a dead owner is a lab that crashed on its way up. */
  readonly phase: 'starting' | 'up';
  /** The process that brings it up. */
  readonly owner: ProcessRef;
  /** Whose overlay namespaces `weft-<hostTag>-…` are; known before the first of them is made. */
  readonly hostTags: readonly string[];
  /** Controller and agents, once they are started: found also where somebody has removed the name of their namespace. */
  readonly daemons?: readonly ProcessRef[];
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
}

const stateFile = (directory: string): string => path.join(directory, 'lab.json');

/** Undefined when there is no lab, or one that died before it had made anything. */
export function readState(directory: string): LabState | undefined {
  try {
    return JSON.parse(fs.readFileSync(stateFile(directory), 'utf8')) as LabState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The first record of a lab. False when another process has just claimed the directory. */
export function claimState(directory: string, state: LabState): boolean {
  fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
  try {
    fs.writeFileSync(stateFile(directory), serialize(state), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Replaces the record in one step. */
export function writeState(directory: string, state: LabState): void {
  const next = `${stateFile(directory)}.next`;
  fs.writeFileSync(next, serialize(state));
  fs.renameSync(next, stateFile(directory));
}

/** The lab's own files, and the parent directory with the last lab in it. Idempotent. */
export function removeDirectory(directory: string): void {
  fs.rmSync(directory, { recursive: true, force: true });
  try {
    fs.rmdirSync(path.dirname(directory));
  } catch {
    // Another lab lives there, or it is gone already.
  }
}

const serialize = (state: LabState): string => `${JSON.stringify(state, undefined, 2)}\n`;

export const isBeingStarted = (state: LabState): boolean =>
  state.phase === 'starting' && isAlive(state.owner);
