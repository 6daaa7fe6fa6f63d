import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';

export const CGROUPS = '/sys/fs/cgroup';

/** All whose name begins so, in every hierarchy, with those below. EBUSY while a process is in one. */
export function removeCgroups(prefix: string): void {
  if (!existsSync(CGROUPS)) return;
  for (const at of [CGROUPS, ...directoriesIn(CGROUPS).map((hierarchy) => path.join(CGROUPS, hierarchy))])
    for (const name of directoriesIn(at)) if (name.startsWith(prefix)) removeCgroup(path.join(at, name));
}

function removeCgroup(at: string): void {
  for (const name of directoriesIn(at)) removeCgroup(path.join(at, name));
  rmdirSync(at);
}

const directoriesIn = (at: string): string[] =>
  readdirSync(at, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
