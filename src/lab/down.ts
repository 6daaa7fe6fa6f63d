import fs from 'node:fs';
import { isOverlayNamespaceOf } from '#model/own.ts';
import { deleteNamedNamespace, NAMESPACE_DIRECTORY } from '#netlink/named-namespace.ts';
import { atMost } from './at-most.ts';
import { countOf } from './count-of.ts';
import { type LabLayout, labNamespaces } from './layout.ts';
import { isAlive, type ProcessRef, processesIn, stopProcesses } from './processes.ts';
import { type LabState, readState, removeDirectory } from './state.ts';

/** Each takes a thread of libuv's pool, which has four; of calls that wait for one koffi takes 256. */
const DELETIONS_AT_ONCE = 4;

/** What there was of a lab, and is no more. */
export interface Removed {
  readonly processes: number;
  readonly namespaces: number;
}

/** "3 processes, 7 namespaces with all their links". */
export const describeRemoved = (
  { processes, namespaces }: Removed = { processes: 0, namespaces: 0 },
): string =>
  `${countOf(processes, 'process', 'processes')}, ${countOf(namespaces, 'namespace')} with all their links`;

/**
 * Removes a lab, whole or half made: processes that live in its namespaces, the agents' overlay namespaces, its own
 * namespaces (and with them every link), its files. Idempotent: without a lab it removes what a crash may have left of
 * its directory, and says undefined.
 */
export async function removeLab(directory: string): Promise<Removed | undefined> {
  const state = readState(directory);
  const removed = state && (await removeObjects(state));
  removeDirectory(directory);
  return removed;
}

/** Processes first: an agent that still runs would repair what is taken away. */
async function removeObjects({ layout, hostTags, daemons = [] }: LabState): Promise<Removed> {
  const processes = await stopAllIn(labNamespaces(layout), daemons);
  const namespaces = existingNamespaces(layout, hostTags);
  await atMost(DELETIONS_AT_ONCE, namespaces, deleteNamedNamespace);
  return { processes, namespaces: namespaces.length };
}

/** Until nobody is left: who is asked to end may just have started another, such as an agent its resolver. */
async function stopAllIn(namespaces: readonly string[], daemons: readonly ProcessRef[]): Promise<number> {
  let stopped = 0;
  for (;;) {
    const inside = processesIn(namespaces);
    const nameless = daemons.filter((each) => isAlive(each) && !inside.some(({ pid }) => pid === each.pid));
    const processes = [...inside, ...nameless];
    if (processes.length === 0) return stopped;
    await stopProcesses(processes);
    stopped += processes.length;
  }
}

/** The lab's names under /run/netns, agents' overlay namespaces included. */
export function existingNamespaces(layout: LabLayout, hostTags: readonly string[]): string[] {
  const own = new Set(labNamespaces(layout));
  return listNames().filter(
    (name) => own.has(name) || hostTags.some((tag) => isOverlayNamespaceOf(tag, name)),
  );
}

function listNames(): string[] {
  try {
    return fs.readdirSync(NAMESPACE_DIRECTORY);
  } catch {
    return [];
  }
}
