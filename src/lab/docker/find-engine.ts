import { existsSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../lab-error.ts';
import { type EnginePrograms, unpackedEngine } from './engine-programs.ts';

/** Where tools/fetch-docker.sh puts it in Weft's source tree, as seen from the bundle. */
const UNPACKED = '../.cache/docker/26.1';

/**
 * `asked`: a directory of tools/fetch-docker.sh. Without it this machine's own, of which nothing is used but its
 * programs; else the one that was unpacked for the tests.
 */
export function findEngine(asked?: string): EnginePrograms {
  if (asked !== undefined) return unpacked(path.resolve(asked));
  const [docker, dockerd, busybox] = ['docker', 'dockerd', 'busybox'].map(onPath);
  if (docker && dockerd && busybox) return { docker, dockerd, busybox, environment: {} };
  const fetched = path.resolve(path.dirname(process.argv[1]!), UNPACKED);
  if (existsSync(fetched)) return unpacked(fetched);
  throw new LabError(
    'there is no Docker engine on this machine',
    'apt-get install docker.io busybox-static; or, in the source tree, tools/fetch-docker.sh .cache/docker',
  );
}

function unpacked(directory: string): EnginePrograms {
  if (!existsSync(path.join(directory, 'usr/sbin/dockerd')))
    throw new LabError(
      `there is no Docker engine in ${directory}`,
      'give a directory like .cache/docker/26.1, as tools/fetch-docker.sh makes it',
    );
  return unpackedEngine(path.dirname(directory), path.basename(directory));
}

function onPath(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return directories.map((directory) => path.join(directory, name)).find(existsSync);
}
