import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Outcome, outcomeOf, PROGRAM, startCommand } from './lab-cli.ts';

/**
 * One controller and one agent in a namespace of their own, started as a user starts them. The witness of what they
 * did is the API's records by plain HTTP, and the kernel's tables by `ip` and `bridge`.
 */
export class OneHost {
  /** Prefix of all namespaces that this host's user makes. */
  readonly prefix = `wbi${process.pid}`;
  readonly host = `${this.prefix}-host`;
  readonly root = mkdtempSync(path.join(tmpdir(), 'weft-one-host-'));
  readonly controllerSocket = path.join(this.root, 'run/weft/controller.sock');
  readonly agentSocket = path.join(this.root, 'run/weft/agent.sock');
  readonly controller: ChildProcess;
  readonly agent: ChildProcess;
  /** What its overlay namespaces begin with, once it is known. */
  overlays?: string;
  private readonly helpers: ChildProcess[] = [];

  /** `prepare` runs in the host's namespace before the agent looks at it. */
  static async start(prepare: (host: OneHost) => Promise<void>): Promise<OneHost> {
    const host = new OneHost();
    try {
      await prepare(host);
      await host.untilConnected();
      return host;
    } catch (error) {
      await host.stop();
      throw error;
    }
  }

  private constructor() {
    this.addNamespace('host');
    const wire = `${this.prefix}-wire`;
    this.addNamespace('wire');
    ip('-n', this.host, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'p0', 'netns', wire);
    ip('-n', wire, 'link', 'set', 'p0', 'up');
    ip('-n', this.host, 'link', 'set', 'lo', 'up');
    ip('-n', this.host, 'link', 'set', 'eth0', 'up');
    ip('-n', this.host, 'address', 'add', '10.99.0.1/24', 'dev', 'eth0');
    this.controller = this.startDaemon('controller');
    this.agent = this.startDaemon(
      'agent',
      ...['--name', 'h1', '--controller', `unix://${this.controllerSocket}`, '--underlay', 'eth0'],
    );
  }

  addNamespace(name: string): string {
    ip('netns', 'add', `${this.prefix}-${name}`);
    return `${this.prefix}-${name}`;
  }

  /** Runs a program in the host's namespace until the test ends, and waits for its first line. */
  async runBeside(...command: readonly string[]): Promise<void> {
    const child = spawn('nsenter', [`--net=/run/netns/${this.host}`, ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.helpers.push(child);
    await new Promise((resolve) => child.stdout!.once('data', resolve));
  }

  weft(...args: readonly string[]): Promise<Outcome> {
    return outcomeOf(startCommand([process.execPath, PROGRAM, ...args, '--root', this.root]));
  }

  async weftOk(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.weft(...args);
    if (code !== 0)
      throw new Error(`weft ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}${this.logs()}`);
    return stdout;
  }

  /** Records with their revision, and all that the kernel holds in every namespace of this host and its containers. */
  async look(): Promise<{ records: unknown; kernel: unknown }> {
    const { body } = await post(this.controllerSocket, '/weft.v1.ControllerService/ListRecords', '{}');
    const kernel = this.namespaces().map((name) => ({
      name,
      links: json('ip', name, '-d', 'link'),
      addresses: json('ip', name, 'address'),
      routes: json('ip', name, 'route', 'show', 'table', 'all'),
      neighbours: json('ip', name, 'neighbour', 'show', 'nud', 'permanent'),
      fdb: json('bridge', name, 'fdb'),
    }));
    return { records: JSON.parse(body), kernel };
  }

  /** Until two looks see the same: ports begin to forward, and the controller hears of what was granted here. */
  async settled(): Promise<void> {
    for (let attempt = 0; attempt < 40; attempt++) {
      const before = JSON.stringify(await this.look());
      await sleep(500);
      if (JSON.stringify(await this.look()) === before) return;
    }
    throw new Error('this host does not come to rest');
  }

  private logs(): string {
    return ['controller.log', 'agent.log']
      .map((name) => readFileSync(path.join(this.root, name), 'utf8'))
      .join('');
  }

  async stop(): Promise<void> {
    for (const child of [...this.helpers, this.agent, this.controller]) await ended(child);
    for (const name of this.namespaces()) ip('netns', 'delete', name);
    rmSync(this.root, { recursive: true });
  }

  /** Those that the test made, and those of this host's overlays: other tests may run beside. */
  private namespaces(): string[] {
    return readdirSync('/run/netns')
      .filter(
        (name) => name.startsWith(`${this.prefix}-`) || (this.overlays && name.startsWith(this.overlays)),
      )
      .sort();
  }

  private startDaemon(...words: readonly string[]): ChildProcess {
    mkdirSync(this.root, { recursive: true });
    const log = openSync(path.join(this.root, `${words[0]}.log`), 'a');
    const args = [`--net=/run/netns/${this.host}`, process.execPath, PROGRAM, ...words, '--root', this.root];
    return spawn('nsenter', args, { stdio: ['ignore', log, log] });
  }

  private async untilConnected(): Promise<void> {
    for (const deadline = Date.now() + 20_000; ; await sleep(50)) {
      const { code, stdout } = await this.weft('version', '--json');
      const { server } = code === 0 ? JSON.parse(stdout) : {};
      if (server?.role === 'agent' && server.connected) {
        this.overlays = `weft-${server.hostId.slice(-8).toLowerCase()}-`;
        return;
      }
      if (Date.now() > deadline) throw new Error(`no session:\n${this.logs()}`);
    }
  }
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One POST as curl would send it over a unix socket; an answer may come before everything was read. */
export function post(
  socketPath: string,
  url: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { socketPath, path: url, method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode!, body: text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const ip = (...args: readonly string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
};

function json(program: string, namespace: string, ...args: readonly string[]): unknown {
  const text = execFileSync(program, ['-n', namespace, '-j', ...args], { encoding: 'utf8' });
  return JSON.parse(text.trim() || '[]', (key, value) => (RUNS_BY_ITSELF.test(key) ? undefined : value));
}
/** What the kernel changes with time alone: a bridge's timers, and the end of an address's duplicate detection. */
const RUNS_BY_ITSELF = /_timer$|^tentative$/;

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
