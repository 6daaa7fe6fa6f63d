import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HelloResponse } from '#api/gen/weft/v1/controller_pb.ts';
import { agentPaths, controllerPaths } from '#model/paths.ts';
import { type Clients, createClients } from '#transport/client.ts';
import { LabError } from './lab-error.ts';
import type { LabHost, LabLayout } from './layout.ts';
import { hostEnvironment, weftCommand } from './program.ts';
import { spawnIn } from './run.ts';

const READY_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 20;
const LOG_TAIL_LINES = 16;

/** A controller or agent that was started and outlives this process. */
export interface Daemon {
  readonly name: string;
  readonly child: ChildProcess;
  readonly socket: string;
  readonly log: string;
}

export const logFile = (root: string): string => path.join(root, 'weft.log');

/** `weft controller --root …`: in the fabric's namespace, though it only needs its unix socket. */
export const startController = (lab: LabLayout): Daemon =>
  startDaemon(lab, 'controller', lab.fabric, lab.controllerRoot, controllerPaths(lab.controllerRoot).socket, [
    'controller',
  ]);

/** `weft agent --root … --name h1 --controller unix://… --underlay eth0`, in the host's namespace. */
export const startAgent = (lab: LabLayout, host: LabHost): Daemon =>
  startDaemon(lab, `agent ${host.name}`, host.namespace, host.root, agentPaths(host.root).socket, [
    'agent',
    ...['--name', host.name],
    ...['--controller', `unix://${controllerPaths(lab.controllerRoot).socket}`],
    ...['--underlay', 'eth0'],
  ]);

function startDaemon(
  lab: LabLayout,
  name: string,
  namespace: string,
  root: string,
  socket: string,
  args: readonly string[],
): Daemon {
  fs.mkdirSync(root, { recursive: true });
  const log = logFile(root);
  const output = fs.openSync(log, 'a');
  const [file, words] = weftCommand(...args, '--root', root);
  // A session of its own: it neither hears the terminal's Ctrl-C nor ends with it.
  const child = spawnIn(namespace, file, words, {
    detached: true,
    stdio: ['ignore', output, output],
    env: hostEnvironment(lab, root),
    cwd: '/',
  });
  fs.closeSync(output);
  child.unref();
  return { name, child, socket, log };
}

/** Waits until it answers, as whoever speaks with it: an agent once it follows its controller. Throws LabError. */
export async function waitUntilReady(daemon: Daemon, signal: AbortSignal): Promise<HelloResponse> {
  const clients = createClients({ kind: 'unix', path: daemon.socket });
  try {
    for (
      const deadline = Date.now() + READY_TIMEOUT_MS;
      ;
      await sleep(POLL_INTERVAL_MS, undefined, { signal })
    ) {
      const hello = await sayHello(clients, daemon.socket);
      if (hello && speaks(hello)) return hello;
      const { exitCode, signalCode } = daemon.child;
      if (exitCode !== null || signalCode !== null)
        throw unready(daemon, `ended (${signalCode ?? exitCode})`);
      if (Date.now() > deadline)
        throw unready(daemon, `is not ready after ${READY_TIMEOUT_MS / 1000} s`, tailOf(daemon.log));
    }
  } finally {
    clients.close();
  }
}

/** Whether who listens there can work: an agent once it follows its controller. */
export async function isReady(socket: string): Promise<boolean> {
  const clients = createClients({ kind: 'unix', path: socket });
  const hello = await sayHello(clients, socket);
  clients.close();
  return hello !== undefined && speaks(hello);
}

const speaks = ({ role, connected }: HelloResponse): boolean => role === 'controller' || connected;

async function sayHello(clients: Clients, socket: string): Promise<HelloResponse | undefined> {
  if (!fs.existsSync(socket)) return undefined;
  try {
    const service = socket.endsWith('controller.sock') ? clients.controller : clients.agent;
    return await service.hello({}, { timeoutMs: 1_000 });
  } catch {
    return undefined;
  }
}

const unready = ({ name }: Daemon, what: string, details = ''): LabError =>
  new LabError(`${name} ${what}`, 'its last words are above', details);

/** The last words of a log; empty when there is none. */
export function tailOf(log: string): string {
  if (!fs.existsSync(log)) return '';
  return fs.readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
