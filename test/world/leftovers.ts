import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removeCgroups } from '#lab/machine/cgroups.ts';
import { parseJournal } from '#store/journal-line.ts';
import { ip, namespacesWith } from './namespaces.ts';

/*
 * A test makes namespaces `wcp<pid>x<n>-…` and one directory of that name. What the agents made bears their hosts'
 * tags, which are in their journals below it.
 */
const NAME = /^wcp(\d+)x\d+$/;

export const worldName = (n: number): string => `wcp${process.pid}x${n}`;
export const directoryOf = (world: string): string => path.join(tmpdir(), world);

/** What an agent's journal says now. */
// biome-ignore lint/suspicious/noExplicitAny: JSON
export function readJournal(root: string): Map<string, any> {
  const file = path.join(root, 'var/lib/weft/agent/journal');
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  const current = new Map<string, any>();
  for (const entry of parseJournal(readFileSync(file), file).entries)
    if ('deleted' in entry) current.delete(entry.key);
    else current.set(entry.key, entry.value);
  return current;
}

/** What the namespaces of its overlays begin with. */
export const overlaysOf = (root: string): string =>
  `weft-${readJournal(root).get('identity').host.slice(-8).toLowerCase()}-`;

/**
 * Every namespace and file of a world whose processes have ended, whatever state it was in. Another test may be at it at
 * the same moment.
 */
export function removeWorld(world: string): void {
  const directory = directoryOf(world);
  for (const host of existsSync(directory) ? readdirSync(directory) : []) {
    const root = path.join(directory, host);
    const journal = path.join(root, 'var/lib/weft/agent/journal');
    if (!existsSync(journal)) continue;
    unlessGone(
      () => existsSync(journal),
      () => removeNamespaces(overlaysOf(root)),
    );
  }
  removeNamespaces(`${world}-`);
  for (const mount of mountsBelow(directory))
    unlessGone(
      () => mountsBelow(directory).includes(mount),
      () => execFileSync('umount', [mount], { stdio: 'pipe' }),
    );
  removeCgroups(`${world}-`);
  unlessGone(
    () => existsSync(directory),
    () => rmSync(directory, { recursive: true, force: true, maxRetries: 10 }),
  );
}

function removeNamespaces(prefix: string): void {
  for (const name of namespacesWith(prefix))
    unlessGone(
      () => namespacesWith(name).includes(name),
      () => ip('netns', 'del', name),
    );
}

/** What somebody else has removed meanwhile is as good as removed. */
function unlessGone(isThere: () => boolean, remove: () => unknown): void {
  try {
    remove();
  } catch (error) {
    if (isThere()) throw error;
  }
}

const mountsBelow = (directory: string): string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((at) => at.startsWith(`${directory}/`));

/** Worlds of tests that were killed before they could clean up; their daemons died with them. */
export function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = NAME.exec(name)?.[1];
    if (pid && !existsSync(`/proc/${pid}`)) removeWorld(name);
  }
}
