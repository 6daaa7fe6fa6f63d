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

/** Why an engine cannot be had now; only `sid` may be missing. After {@link fetchDocker}. */
export function absenceOf(version: EngineVersion): string | undefined {
  if (existsSync(path.join(DOCKER, version))) return undefined;
  return readFileSync(path.join(DOCKER, `${version}.absent`), 'utf8').trim();
}

export const composeProgram = path.join(DOCKER, 'compose/usr/bin/docker-compose');
export const programsOf = (version: EngineVersion): EnginePrograms => unpackedEngine(DOCKER, version);
