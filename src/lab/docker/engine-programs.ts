import { readdirSync } from 'node:fs';
import path from 'node:path';

/** What it takes to run a Docker engine. */
export interface EnginePrograms {
  readonly docker: string;
  readonly dockerd: string;
  readonly busybox: string;
  /** Of `dockerd`. */
  readonly environment: Readonly<Record<string, string>>;
}

/** One that tools/fetch-docker.sh unpacked: its own programs first, but one runc, which knows the machine's cgroups. */
export function unpackedEngine(directory: string, version: string): EnginePrograms {
  const programs = ['common/usr/sbin', `${version}/usr/sbin`, `${version}/usr/bin`];
  const libraries = readdirSync(path.join(directory, 'common/lib')).filter((name) =>
    name.endsWith('linux-gnu'),
  );
  return {
    docker: path.join(directory, version, 'usr/bin/docker'),
    dockerd: 'dockerd',
    busybox: path.join(directory, 'common/bin/busybox'),
    environment: {
      PATH: [...programs.map((name) => path.join(directory, name)), process.env.PATH].join(':'),
      LD_LIBRARY_PATH: libraries.map((name) => path.join(directory, 'common/lib', name)).join(':'),
    },
  };
}
