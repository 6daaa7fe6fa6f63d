import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type EnginePrograms, unpackedEngine } from '#lab/docker/engine-programs.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Debian's engines, unpacked and not installed; see tools/fetch-docker.sh. */
const DOCKER = path.join(ROOT, '.cache/docker');

/** Bookworm's and trixie's, which must be there; and the newest that there is. */
export const ENGINES = ['20.10', '26.1', 'sid'] as const;
export type EngineVersion = (typeof ENGINES)[number];

/** Once for all tests of a machine. */
export const fetchDocker = (): void =>
  void execFileSync(path.join(ROOT, 'tools/fetch-docker.sh'), [DOCKER], { stdio: 'inherit' });

/** Why it cannot be had now; no other than `sid` and these may be missing. After {@link fetchDocker}. */
export function absenceOf(version: EngineVersion | 'firewalld' | 'oldest-kernel'): string | undefined {
  if (existsSync(path.join(DOCKER, version))) return undefined;
  return readFileSync(path.join(DOCKER, `${version}.absent`), 'utf8').trim();
}

/** Of its package. */
export const unitsOf = (version: EngineVersion): string =>
  path.join(DOCKER, version, 'usr/lib/systemd/system');
export const composeProgram = path.join(DOCKER, 'compose/usr/bin/docker-compose');
export const registryProgram = path.join(DOCKER, 'registry/usr/bin/docker-registry');
/** A Linux of Debian's, as a program. */
export interface DebianKernel {
  readonly program: string;
  readonly modules: string;
}
const debianKernel = (name: string): DebianKernel => ({
  program: path.join(DOCKER, name, 'usr/bin/linux.uml'),
  modules: path.join(DOCKER, name, 'usr/lib/uml/modules'),
});
/** Bookworm's, 6.1. */
export const olderKernel = debianKernel('older-kernel');
/** Bullseye's, 5.10. */
export const oldestKernel = debianKernel('oldest-kernel');
/** What loads their modules. */
export const kmodProgram = path.join(DOCKER, 'older-kernel/bin/kmod');
/** A root directory that firewalld runs in. */
export const firewalldRoot = path.join(DOCKER, 'firewalld');
export const programsOf = (version: EngineVersion): EnginePrograms => unpackedEngine(DOCKER, version);

/** An image and its command: whoever connects to port 80 is told `served`. */
export const SERVE = 'busybox /bin/busybox nc -ll -p 80 -e /bin/busybox echo served'.split(' ');
