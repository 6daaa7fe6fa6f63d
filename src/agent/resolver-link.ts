import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, renameSync } from 'node:fs';
import net from 'node:net';
import readline from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type FromResolver, formerSocket, type ToResolver } from '#api/names-feed.ts';
import { PROGRAM_VERSION } from '#api/version.ts';
import { HeldSockets } from '#kernel/held-sockets.ts';
import type { Id } from '#model/id.ts';
import type { NamedEndpoint, NamedNetwork } from '#model/named.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AgentEvent } from './event.ts';

/** While a resolver that was started comes up. */
const TRY_INTERVAL_MS = 5;
/** By then it has come up, or never will. */
const START_TIMEOUT_MS = 10_000;
/** One that dies again and again is not started more often. */
const RESTART_PAUSE_MS = 1_000;
/** Names of a message: the agent does other things between two. */
const NAMES_A_MESSAGE = 500;
/** Of what it says at its end, in characters. */
const MOST_SAID = 2_000;

export interface ResolverLinkParts {
  readonly socket: string;
  /** Program and arguments that start one on the socket. */
  readonly command: readonly string[];
  readonly dispatch: (event: AgentEvent) => void;
  readonly log: Logger;
}

/** This host's resolver: found or started, told, and noticed when it is gone. */
export class ResolverLink {
  private readonly parts: ResolverLinkParts;
  private socket: net.Socket | undefined;
  private child: ChildProcess | undefined;
  private startedMs = 0;
  /** The resolver's, should it be killed. */
  private readonly held = new HeldSockets();
  private telling: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(parts: ResolverLinkParts) {
    this.parts = parts;
  }

  /** Tells by events what came of it. */
  async call(): Promise<void> {
    const socket =
      (await reach(this.parts.socket)) ?? (await this.start().catch((error) => this.noteUnstarted(error)));
    if (socket && !this.stopped) this.listen(socket);
    else {
      socket?.destroy();
      // Nobody is to answer soon: who asks is to hear of it.
      this.held.letGo();
      this.parts.dispatch({ event: 'resolver-gone' });
    }
  }

  tell(message: ToResolver): void {
    const { socket } = this;
    this.telling = this.telling.then(async () => {
      // Whoever waits for an endpoint has the kernel first.
      await nextTurn();
      await write(socket, message);
    });
  }

  /** What the view says of these by now; all of them at once when they are all. */
  tellNames(view: SnapshotView, ids: readonly Id[] | 'all'): void {
    if (ids === 'all') this.tellAll(view);
    else this.tell(namesOf(view, ids));
  }

  private tellAll(view: SnapshotView): void {
    const { socket } = this;
    this.telling = this.telling.then(async () => {
      const all = [...view.networks.keys()].flatMap((id) => [id, ...view.inNetwork(id).endpoints.keys()]);
      await write(socket, { say: 'whole-begins' });
      // Once at least: with the revision.
      for (let at = 0; at === 0 || at < all.length; at += NAMES_A_MESSAGE)
        await write(socket, namesOf(view, all.slice(at, at + NAMES_A_MESSAGE)));
      await write(socket, { say: 'whole-ends' });
    });
  }

  /** Leaves the resolver as it is. */
  close(): void {
    this.stopped = true;
    this.socket?.destroy();
    this.held.letGo();
  }

  private async start(): Promise<net.Socket | undefined> {
    const { command, socket, log } = this.parts;
    await sleep(this.startedMs + RESTART_PAUSE_MS - performance.now());
    if (this.stopped) return undefined;
    this.startedMs = performance.now();
    const [file, ...args] = command;
    // In a session of its own, and with nothing of ours open: it outlives us.
    const env = { PATH: process.env.PATH };
    const lastWords = openSync(`${socket}.log`, 'w', 0o600);
    const stdio: StdioOptions = ['ignore', 'ignore', lastWords];
    const child = spawn(file!, [...args, socket], { detached: true, stdio, cwd: '/', env });
    closeSync(lastWords);
    child.unref();
    child.on('error', (error) => log.error({ error: error.message }, 'cannot start the resolver'));
    child.on('exit', (code, signal) =>
      log.warn({ pid: child.pid, code, signal, said: tailOf(`${socket}.log`) }, 'the resolver ended'),
    );
    this.child = child;
    while (!this.stopped && performance.now() < this.startedMs + START_TIMEOUT_MS) {
      const reached = await reach(socket);
      if (reached) return reached;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return undefined;
      await sleep(TRY_INTERVAL_MS);
    }
    return undefined;
  }

  /** Such as a directory that somebody emptied, or a disk that is full: it is tried again. */
  private noteUnstarted(error: Error): undefined {
    this.parts.log.error({ error: error.message }, 'cannot start the resolver');
  }

  private listen(socket: net.Socket): void {
    this.socket = socket;
    // It keeps no process alive that has nothing else to do.
    socket.unref();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.parts.dispatch({ event: 'resolver-gone' }));
    const lines = readline.createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
    // It tells its input's errors again.
    lines.on('error', () => {});
    lines.on('line', (line) => {
      // What comes with its end is what it was about to say when it died.
      if (!socket.readableEnded) this.hear(socket, JSON.parse(line) as FromResolver);
    });
  }

  private hear(socket: net.Socket, message: FromResolver): void {
    const { dispatch, log } = this.parts;
    if (message.say === 'troubles') {
      for (const trouble of message.troubles) log.warn(trouble, 'cannot answer a container');
      dispatch({ event: 'resolver-troubled', troubles: message.troubles });
      return;
    }
    if (message.say === 'sockets') {
      this.held.hold(message.pid, message.sockets);
      return;
    }
    if (message.version !== PROGRAM_VERSION) {
      log.info({ theirs: message.version }, 'a resolver of another version makes way');
      renameSync(this.parts.socket, formerSocket(this.parts.socket));
      // None is there any more: the next one finds it, and takes over.
      socket.destroy();
      return;
    }
    log.info({ revision: message.revision, started: this.child?.pid }, 'the resolver listens');
    const { sockets } = this.held;
    if (sockets.length > 0) this.tell({ say: 'held', pid: process.pid, sockets });
    dispatch({ event: 'resolver-came', revision: message.revision });
  }
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-MOST_SAID);
  } catch {
    return '';
  }
}

/** With no agent running: a resolver that one left takes its rules away and ends. There is none is success. */
export async function dismissResolver(path: string): Promise<void> {
  for (const at of [path, formerSocket(path)]) {
    const socket = await reach(at);
    if (!socket) continue;
    await write(socket, { say: 'sandboxes', sandboxes: [] });
    socket.resume().end();
    await once(socket, 'close').catch(() => {});
  }
}

async function reach(path: string): Promise<net.Socket | undefined> {
  const socket = net.connect(path);
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return undefined;
  }
}

/** Resolves when there is room for more. */
async function write(socket: net.Socket | undefined, message: ToResolver): Promise<void> {
  if (!socket || socket.destroyed || socket.write(`${JSON.stringify(message)}\n`)) return;
  await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
}

function namesOf(view: SnapshotView, ids: readonly Id[]): Extract<ToResolver, { say: 'names' }> {
  const [networks, endpoints, gone]: [NamedNetwork[], NamedEndpoint[], Id[]] = [[], [], []];
  for (const id of ids) {
    const network = view.networks.get(id);
    const endpoint = view.endpoints.get(id);
    if (network) networks.push({ id, name: network.name, subnets: network.subnets });
    else if (endpoint) {
      const { network, name, aliases, addresses } = endpoint;
      endpoints.push({ id, network, name, aliases, addresses });
    } else gone.push(id);
  }
  return { say: 'names', networks, endpoints, gone, revision: view.revision };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
