import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NAMESERVER } from '#model/nameserver.ts';
import { absent, LabError } from './lab-error.ts';
import type { LabHost, LabLayout } from './layout.ts';
import { hostEnvironment } from './program.ts';
import { spawnIn } from './run.ts';

/** Where a command runs: on a host of the lab, or in a container on it. */
export interface Place {
  readonly host: LabHost;
  readonly namespace: string;
}

/** Reads `h1` or `h1/c2`. Throws LabError with what there is. */
export function findPlace(lab: LabLayout, text: string): Place {
  const [hostName, containerName] = text.split('/', 2);
  const host = lab.hosts.find(({ name }) => name === hostName);
  if (!host)
    throw absent(
      `host "${hostName}" is not in the lab`,
      `choose one of ${lab.hosts.map(({ name }) => name).join(', ')}`,
    );
  if (containerName === undefined) return { host, namespace: host.namespace };
  const container = host.containers.find(({ name }) => name === containerName);
  if (!container)
    throw absent(
      `container "${containerName}" is not on ${host.name}`,
      `choose one of ${host.containers.map(({ name }) => `${host.name}/${name}`).join(', ') || 'its hosts'}`,
    );
  return { host, namespace: container.namespace };
}

/** Covers the machine's own, for one command: programs in a container ask whom its resolv.conf says. */
const COVER = '[ -e /etc/resolv.conf ] && mount --bind "$0" /etc/resolv.conf; exec "$@"';

function withNames(lab: LabLayout): string[] {
  const file = path.join(lab.directory, 'resolv.conf');
  fs.writeFileSync(file, `nameserver ${NAMESERVER}\n`);
  return ['unshare', '--mount', 'sh', '-c', COVER, file];
}

/** Runs a command there with this terminal, and gives its exit code. Without a command: a shell. */
export function execute(lab: LabLayout, place: Place, command: readonly string[]): Promise<number> {
  const typed = command.length > 0 ? command : [process.env.SHELL || 'sh'];
  const isContainer = place.namespace !== place.host.namespace;
  const [file, ...args] = isContainer ? [...withNames(lab), ...typed] : typed;
  const child = spawnIn(place.namespace, file!, args, {
    stdio: 'inherit',
    env: hostEnvironment(lab, place.host.root),
  });
  return waitForChild(child, file!);
}

/** Lets the child have the terminal's Ctrl-C for itself, hands on what ends us, and gives its exit code. */
export function waitForChild(child: ChildProcess, file: string): Promise<number> {
  const ignore = () => {};
  const handOn = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGINT', ignore).on('SIGQUIT', ignore).on('SIGTERM', handOn).on('SIGHUP', handOn);
  return new Promise<number>((resolve, reject) => {
    child.on('exit', (code, signal) => resolve(code ?? 128 + os.constants.signals[signal!]));
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new LabError(`there is no command ${file}`, 'check its name')
          : error.code === 'EACCES'
            ? new LabError(`${file} is no program that may be run`, 'check its name and permissions')
            : error,
      ),
    );
  }).finally(() => {
    process.off('SIGINT', ignore).off('SIGQUIT', ignore).off('SIGTERM', handOn).off('SIGHUP', handOn);
  });
}
