import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { World } from './world.ts';

/** Wraps an agent: it sees another boot id, from a file laid over the kernel's in a mount namespace of its own. */
export const inBoot = (world: World, host: string): readonly string[] => [
  ...['unshare', '--mount', '--propagation', 'unchanged', 'sh', '-ec'],
  'mount --make-private /proc; mount --bind "$0" /proc/sys/kernel/random/boot_id; exec "$@"',
  bootFile(world, host),
];

/** From now on agents of that host see a boot of their own. */
export const newBoot = (world: World, host: string): void =>
  writeFileSync(bootFile(world, host), `${randomUUID()}\n`);

export const bootOf = (world: World, host: string): string =>
  readFileSync(bootFile(world, host), 'utf8').trim();

const bootFile = (world: World, host: string) => path.join(world.rootOf(host), 'boot_id');
