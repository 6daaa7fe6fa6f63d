import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { type Daemon as LabDaemon, logFile, waitUntilReady } from '#lab/daemons.ts';
import { LabError } from '#lab/lab-error.ts';
import type { LabHost, LabLayout } from '#lab/layout.ts';
import { spawnIn } from '#lab/run.ts';
import { agentPaths, controllerPaths } from '#model/paths.ts';
import type { BenchOptions } from './bench.ts';

/** A controller or an agent. */
export interface Daemon extends LabDaemon {
  /** Empty for a controller. */
  readonly hostId: string;
}

/** `weft controller`, in the fabric's namespace, though it only needs its unix socket. */
export const startController = (layout: LabLayout, options: BenchOptions): Daemon =>
  start(options, {
    name: 'controller',
    namespace: layout.fabric,
    root: layout.controllerRoot,
    socket: controllerPaths(layout.controllerRoot).socket,
    args: ['controller'],
  });

/** `weft agent`, in the host's namespace; what it applies is in its log. */
export const startAgent = (layout: LabLayout, host: LabHost, options: BenchOptions): Daemon =>
  start(options, {
    name: `agent ${host.name}`,
    namespace: host.namespace,
    root: host.root,
    socket: agentPaths(host.root).socket,
    args: [
      ...['agent', '--name', host.name, '--underlay', 'eth0'],
      ...['--controller', `unix://${controllerPaths(layout.controllerRoot).socket}`],
    ],
  });

interface Words {
  readonly name: string;
  readonly namespace: string;
  readonly root: string;
  readonly socket: string;
  readonly args: readonly string[];
}

function start({ program, profile }: BenchOptions, { name, namespace, root, socket, args }: Words): Daemon {
  fs.mkdirSync(root, { recursive: true });
  const log = logFile(root);
  const output = fs.openSync(log, 'a');
  const node = profile
    ? ['--cpu-prof', '--cpu-prof-interval=100', `--cpu-prof-dir=${path.resolve(profile)}`]
    : [];
  const child = spawnIn(
    namespace,
    process.execPath,
    [...node, path.resolve(program), ...args, '--root', root],
    {
      // Ctrl-C is the bench's, which then removes all that it made.
      detached: true,
      stdio: ['ignore', output, output],
      env: Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('WEFT_'))),
      cwd: '/',
    },
  );
  fs.closeSync(output);
  return { name, child, socket, log, hostId: '' };
}

export async function untilReady(daemon: Daemon, signal: AbortSignal): Promise<Daemon> {
  const { hostId } = await waitUntilReady(daemon, signal);
  return { ...daemon, hostId };
}

const STOP_LIMIT_MS = 30_000;

/** Asks it to end, and waits until it has. Throws of one that does not. */
export async function stop({ child }: { readonly child: ChildProcess }): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_LIMIT_MS) });
  child.kill('SIGTERM');
  await gone.catch(() => {
    throw new LabError(`process ${child.pid} has not ended in ${STOP_LIMIT_MS / 1000} s`, 'see its log');
  });
}
