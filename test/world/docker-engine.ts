import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Debian's engines, unpacked and not installed; see tools/fetch-docker.sh. */
const DOCKER = path.join(ROOT, '.cache/docker');

/** Bookworm's and trixie's, which must be there; and the newest that there is. */
export const ENGINES = ['20.10', '26.1', 'sid'] as const;
export type EngineVersion = (typeof ENGINES)[number];

/** Once for all tests of a machine. */
export const fetchDocker = (): void =>
  void execFileSync(path.join(ROOT, 'tools/fetch-docker.sh'), [DOCKER], { stdio: 'inherit' });

/** Why an engine cannot be had now; only `sid` may be missing. After {@link fetchDocker}. */
export function absenceOf(version: EngineVersion): string | undefined {
  if (existsSync(path.join(DOCKER, version))) return undefined;
  return readFileSync(path.join(DOCKER, `${version}.absent`), 'utf8').trim();
}

export const busyboxProgram = path.join(DOCKER, 'common/bin/busybox');
export const composeProgram = path.join(DOCKER, 'compose/usr/bin/docker-compose');
export const clientProgram = (version: EngineVersion): string => path.join(DOCKER, version, 'usr/bin/docker');

/** What `dockerd` is started with: its own programs first, but one runc, which knows the machine's cgroups, for all. */
export function engineEnvironment(version: EngineVersion): Record<string, string> {
  const programs = ['common/usr/sbin', `${version}/usr/sbin`, `${version}/usr/bin`];
  const libraries = readdirSync(path.join(DOCKER, 'common/lib')).filter((name) => name.endsWith('linux-gnu'));
  return {
    PATH: [...programs.map((directory) => path.join(DOCKER, directory)), process.env.PATH].join(':'),
    LD_LIBRARY_PATH: libraries.map((name) => path.join(DOCKER, 'common/lib', name)).join(':'),
  };
}
