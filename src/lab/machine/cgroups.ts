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
  orAbsent(() => rmdirSync(at), undefined);
}

const directoriesIn = (at: string): string[] =>
  orAbsent(() => readdirSync(at, { withFileTypes: true }), []).flatMap((entry) =>
    entry.isDirectory() ? entry.name : [],
  );

/** The kernel removes some by itself, and others may be at it as well. */
function orAbsent<T>(act: () => T, absence: T): T {
  try {
    return act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return absence;
    throw error;
  }
}
