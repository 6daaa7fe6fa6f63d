import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { namedNamespacePath } from '#netlink/named-namespace.ts';

/** A process for sure: pids are given again, but never with the same start time. */
export interface ProcessRef {
  readonly pid: number;
  /** Clock ticks since boot, from /proc/PID/stat. */
  readonly startTime: string;
}

const STOP_TIMEOUT_MS = 3_000;
const POLL_INTERVAL_MS = 10;

/** The fields of /proc/PID/stat after the command's name, which may itself hold spaces and brackets. */
function readStat(pid: number | 'self'): string[] | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** proc(5): field 22 is the start time, 4 the parent, 3 the state; the list begins with field 3. */
const startTimeOf = (stat: readonly string[]): string => stat[19]!;
const parentOf = (stat: readonly string[]): number => Number(stat[1]);

/** Undefined when there is no such process. */
export function processRef(pid: number): ProcessRef | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: startTimeOf(stat) };
}

export function isAlive({ pid, startTime }: ProcessRef): boolean {
  const stat = readStat(pid);
  return stat !== undefined && startTimeOf(stat) === startTime && stat[0] !== 'Z';
}

/** This process and those that started it: `weft lab down` typed inside the lab must not end its own shell. */
function ownLine(): Set<number> {
  const line = new Set<number>();
  for (let pid = process.pid; pid > 0 && !line.has(pid); ) {
    line.add(pid);
    pid = parentOf(readStat(pid) ?? []) || 0;
  }
  return line;
}

/**
 * Who lives in these named namespaces: what the kernel says, not what a file remembers. Names that do not exist are
 * nobody's home; this process and its ancestors are left out.
 */
export function processesIn(namespaces: readonly string[]): ProcessRef[] {
  const homes = new Set(namespaces.flatMap((name) => namespaceLink(name) ?? []));
  if (homes.size === 0) return [];
  const own = ownLine();
  return fs
    .readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && !own.has(Number(entry)))
    .filter((pid) => threadsOf(pid).some((thread) => homes.has(readLink(`${thread}/ns/net`))))
    .flatMap((pid) => processRef(Number(pid)) ?? []);
}

/** Whether a process lives there whose command line has this word. */
export const runsIn = (namespace: string, word: string): boolean =>
  processesIn([namespace]).some(({ pid }) => wordsOf(pid).includes(word));

function wordsOf(pid: number): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** All of them: an agent's first one is elsewhere for the moment in which it opens a socket of another namespace. */
function threadsOf(pid: string): string[] {
  const tasks = `/proc/${pid}/task`;
  try {
    return fs.readdirSync(tasks).map((tid) => `${tasks}/${tid}`);
  } catch {
    return [];
  }
}

/** As /proc/PID/task/TID/ns/net links to it: `net:[4026532000]`. */
function namespaceLink(name: string): string | undefined {
  try {
    return `net:[${fs.statSync(namedNamespacePath(name)).ino}]`;
  } catch {
    return undefined;
  }
}

function readLink(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    // Gone meanwhile, a kernel thread, or another user's.
    return '';
  }
}

/** Asks them to end, and ends those that do not. Resolves when all are gone; idempotent. */
export async function stopProcesses(processes: readonly ProcessRef[]): Promise<void> {
  sendSignal(processes, 'SIGTERM');
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (processes.some(isAlive)) {
    if (Date.now() > deadline) sendSignal(processes, 'SIGKILL');
    await sleep(POLL_INTERVAL_MS);
  }
}

function sendSignal(processes: readonly ProcessRef[], signal: NodeJS.Signals): void {
  for (const each of processes) {
    try {
      if (isAlive(each)) process.kill(each.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
