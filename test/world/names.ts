import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { promisify } from 'node:util';
import { spawnMortal } from '#lab/machine/spawn-mortal.ts';
import { until } from '#lab/until.ts';
import { PROGRAM, ROOT } from '../cluster/lab-cli.ts';
import { callOk, type EndpointJson } from './api.ts';
import { ip } from './namespaces.ts';
import { World } from './world.ts';

const HERE = import.meta.dirname;

/** Two hosts with containers that ask for each other's names. */
export class Names {
  readonly world: World;
  private readonly endpoints = new Map<string, EndpointJson>();
  private readonly children: ChildProcess[] = [];

  constructor(program = PROGRAM) {
    this.world = new World({ program, hosts: ['h1', 'h2'] });
  }

  /** Networks `app` (10.1.0.0/16, fd00:1::/64) and `side` (10.2.0.0/16). */
  async start(): Promise<void> {
    await this.world.startAll();
    await this.world.createNetwork('app', '10.1.0.0/16', 'fd00:1::/64');
    await this.world.createNetwork('side', '10.2.0.0/16');
    writeFileSync(this.resolvConf, 'nameserver 127.0.0.11\n');
  }

  async attach(host: string, container: string, words: { network?: string; aliases?: string[] } = {}) {
    const { network = 'app', ...more } = words;
    if (!this.endpoints.has(container)) this.world.addNamespace(container);
    const { ok, body } = await this.world.attachTo(host, container, network, more);
    if (!ok) throw new Error(`${JSON.stringify(body)}\n${this.world.logs()}`);
    if (!this.endpoints.has(container)) this.endpoints.set(container, body.endpoint);
    return body.endpoint as EndpointJson;
  }

  addressesOf(container: string, family: 4 | 6): string[] {
    return this.endpoints.get(container)!.addresses.filter((each) => each.includes(':') === (family === 6));
  }

  namespaceOf(container: string): string {
    return this.world.containerOf(container);
  }

  /** As the C library finds it there: the first word of each line, without repetition; empty for none. */
  async getent(container: string, database: string, name: string): Promise<string[]> {
    const script = 'mount --bind "$1" /etc/resolv.conf && shift && exec nsenter --net="$0" getent "$@"';
    const inside = ['-m', 'sh', '-c', script, `/run/netns/${this.namespaceOf(container)}`];
    try {
      const { stdout } = await promisify(execFile)('unshare', [
        ...[...inside, this.resolvConf],
        ...[database, name],
      ]);
      return [...new Set(stdout.split('\n').flatMap((line) => line.split(/\s+/)[0] || []))];
    } catch {
      return [];
    }
  }

  /** One that asks again and again, without a process each. */
  async asker(container: string): Promise<Asker> {
    const child = this.inside(container, [process.execPath, path.join(HERE, 'asker.cjs')]);
    const asker = new Asker(child);
    await asker.ready;
    return asker;
  }

  /** A runtime's resolver in the container, and how often it was asked for what. */
  async standIn(container: string): Promise<{ readonly asked: Record<string, number>; stop(): void }> {
    const child = this.inside(container, [process.execPath, path.join(HERE, 'stand-in-resolver.cjs')], true);
    const asked: Record<string, number> = {};
    child.on('message', (counts) => Object.assign(asked, counts));
    const [line] = await once(readline.createInterface({ input: child.stdout! }), 'line');
    const [udp, tcp] = JSON.parse(line);
    const rule = (protocol: string, port: number) =>
      `ip daddr 127.0.0.11 ${protocol} dport 53 dnat to 127.0.0.11:${port}`;
    this.nft(
      container,
      `table ip standin { chain output { type nat hook output priority -100; ${rule('udp', udp)}; ${rule('tcp', tcp)}; }; }`,
    );
    return { asked, stop: () => void child.kill('SIGKILL') };
  }

  /** Asks for each of them again and again; what came of it once it is stopped. */
  async pulse(
    container: string,
    everyMs: number,
    ...asked: readonly string[]
  ): Promise<{ stop(): Promise<PulseCounts> }> {
    const words = [path.join(HERE, 'dns-pulse.cjs'), String(everyMs), ...asked];
    const child = this.inside(container, [process.execPath, ...words]);
    const lines = readline.createInterface({ input: child.stdout! });
    await once(lines, 'line');
    return {
      async stop() {
        child.stdin!.end();
        const [line] = await once(lines, 'line');
        return JSON.parse(line);
      },
    };
  }

  /** Sends rubbish, and asks what is not answered, as fast as it can. */
  async flood(container: string): Promise<{ stop(): void }> {
    const child = this.inside(container, [process.execPath, path.join(HERE, 'dns-flood.cjs')]);
    await once(child.stdout!, 'data');
    return { stop: () => void child.kill('SIGKILL') };
  }

  nft(container: string, command: string): string {
    return execFileSync('nsenter', [`--net=/run/netns/${this.namespaceOf(container)}`, 'nft', command], {
      encoding: 'utf8',
    });
  }

  /** The resolver of a host: the process that has its socket open. */
  resolverOf(host: string): number {
    const socket = path.join(this.world.rootOf(host), 'run/weft/names.sock');
    const pid = readdirSync('/proc').find((entry) => {
      try {
        return readFileSync(`/proc/${entry}/cmdline`, 'latin1').split('\0').includes(socket);
      } catch {
        return false;
      }
    });
    if (!pid) throw new Error(`${host} has no resolver`);
    return Number(pid);
  }

  /** Whether that process has the container's namespace open, as seen by what it has now. */
  heldBy(pid: number, container: string): { isHeld(): boolean } {
    const { ino } = statSync(`/run/netns/${this.namespaceOf(container)}`);
    const isIt = (fd: string) => {
      try {
        return statSync(`/proc/${pid}/fd/${fd}`).ino === ino;
      } catch {
        return false;
      }
    };
    return { isHeld: () => readdirSync(`/proc/${pid}/fd`).some(isIt) };
  }

  /** Sockets that listen in a container at the nameserver's address. */
  listenersIn(container: string): string[] {
    const all = ip('netns', 'exec', this.namespaceOf(container), 'ss', '-Hlntu');
    return all.split('\n').filter((line) => line.includes('127.0.0.11'));
  }

  async untilFound(from: Asker, name: string): Promise<void> {
    await until(`${name} is found`, async () => Array.isArray(await from.ask('A', name)));
  }

  async detach(host: string, container: string): Promise<void> {
    await callOk(this.world.agentSocket(host), 'AgentService/Detach', {
      namespace: this.namespaceOf(container),
    });
  }

  async remove(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    await this.world.remove();
  }

  private get resolvConf(): string {
    return path.join(this.world.directory, 'resolv.conf');
  }

  private inside(container: string, command: readonly string[], withChannel = false): ChildProcess {
    const net = ['nsenter', `--net=/run/netns/${this.namespaceOf(container)}`];
    const stdio = ['pipe', 'pipe', 'inherit', ...(withChannel ? ['ipc' as const] : [])] as const;
    const child = spawnMortal([...net, ...command], { stdio: [...stdio], cwd: ROOT });
    this.children.push(child);
    return child;
  }
}

/** Nobody asks twice: what is neither answered nor refused was lost. */
export interface PulseCounts {
  readonly asked: number;
  readonly answered: number;
  readonly slowestMs: number;
  /** Those that were no answer, by name: the DNS's code, or the socket's. */
  readonly failed: Record<string, number>;
}

/** An answer's addresses or names, or what c-ares says instead. */
export type Answer = readonly string[] | 'ENOTFOUND' | 'ESERVFAIL' | 'ECONNREFUSED' | 'ETIMEOUT' | 'ENODATA';

export class Asker {
  readonly ready: Promise<unknown>;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<string, ((answer: Answer) => void)[]>();

  constructor(child: ChildProcess) {
    this.child = child;
    const lines = readline.createInterface({ input: child.stdout! });
    this.ready = once(lines, 'line').then(() => lines.on('line', (line) => this.hear(line)));
  }

  ask(type: 'A' | 'AAAA' | 'PTR', name: string): Promise<Answer> {
    const line = `${type} ${name}`;
    return new Promise((resolve) => {
      this.waiting.set(line, [...(this.waiting.get(line) ?? []), resolve]);
      this.child.stdin!.write(`${line}\n`);
    });
  }

  private hear(text: string): void {
    const [line, answer] = JSON.parse(text) as [string, Answer];
    this.waiting.get(line)?.shift()?.(answer);
  }
}
