import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { CGROUPS, removeCgroups } from './cgroups.ts';
import { Daemon } from './daemon.ts';
import { until } from './world.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Debian's engine, unpacked and not installed; see tools/fetch-docker.sh. */
const DOCKER = path.join(ROOT, '.cache/docker');
const PATH = ['usr/sbin', 'usr/bin'].map((directory) => path.join(DOCKER, directory)).join(':');
const run = promisify(execFile);

/** The image that every such engine has: a static busybox, and nothing else. */
export const IMAGE = 'busybox';

/** Once for all tests of a machine. */
export const fetchDocker = (): void =>
  void execFileSync(path.join(ROOT, 'tools/fetch-docker.sh'), [DOCKER], { stdio: 'inherit' });

export interface DockerHostOptions {
  /** The network namespace that is the host. */
  readonly namespace: string;
  /** Where it may keep its files; it makes `docker` in it. */
  readonly directory: string;
  /** Of `dockerd`, beside what it takes to run here. */
  readonly flags?: readonly string[];
}

/** Known before there is an engine. */
export const dockerSocket = ({ namespace, directory }: DockerHostOptions): string =>
  path.join(directory, `docker-${namespace}`, 'docker.sock');

/**
 * A Docker engine on a host that is a network namespace, with mounts and processes of its own: all that it starts,
 * containers and their shims among it, ends with it, and it ends with the test, however that ends.
 */
export class DockerHost {
  readonly name: string;
  readonly directory: string;
  /** For clients; also what an agent would be given. */
  readonly socket: string;
  readonly daemon: Daemon;

  constructor({ namespace, directory, flags = [] }: DockerHostOptions) {
    this.name = namespace;
    this.socket = dockerSocket({ namespace, directory });
    this.directory = path.dirname(this.socket);
    mkdirSync(path.join(this.directory, 'cgroup'), { recursive: true });
    const dockerd = [
      ...['dockerd', '--data-root', path.join(this.directory, 'data'), '--exec-root', '/run/docker'],
      ...['--pidfile', '/run/docker.pid', '-H', `unix://${this.socket}`, '--storage-driver', 'overlay2'],
      ...['--cgroup-parent', `/${this.name}`, ...flags],
    ];
    const inside = [
      'unshare',
      '--mount',
      '--uts',
      '--pid',
      '--fork',
      '--kill-child',
      '--propagation',
      'private',
    ];
    this.daemon = new Daemon(
      [
        ...['nsenter', `--net=/run/netns/${namespace}`, ...inside],
        ...['sh', '-uc', PREPARE, 'sh', this.name, this.directory, ...dockerd],
      ],
      path.join(this.directory, 'dockerd.log'),
      { PATH: `${PATH}:${process.env.PATH}` },
    );
  }

  async start(): Promise<void> {
    this.daemon.start();
    await this.untilAnswers();
    if (!(await this.docker('images', '-q', IMAGE))) this.importImage();
  }

  /** Ends the engine alone: with SIGTERM it stops its containers first, with SIGKILL they go on without it. */
  async stopEngine(signal: NodeJS.Signals): Promise<void> {
    const pid = this.enginePid();
    process.kill(pid, signal);
    await until(`the engine of ${this.name} has ended`, async () => !existsSync(`/proc/${pid}`));
  }

  /** After {@link stopEngine}. */
  async startEngine(): Promise<void> {
    writeFileSync(path.join(this.directory, 'go'), '');
    await this.untilAnswers();
  }

  /** The one child of the namespace's first process that is the engine; shims without a parent are its children too. */
  private enginePid(): number {
    const [init] = childrenOf(this.daemon.pid);
    const engine = childrenOf(init!).find((pid) => commandOf(pid) === 'dockerd');
    if (!engine) throw new Error(`no engine runs on ${this.name}:\n${this.log()}`);
    return engine;
  }

  private async untilAnswers(): Promise<void> {
    try {
      await until(`dockerd of ${this.name} answers`, () => this.docker('version'));
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.log()}`);
    }
  }

  /** `docker …`; what it prints, without the last line's end. Throws with what it says. */
  async docker(...words: readonly string[]): Promise<string> {
    const { stdout } = await run(path.join(DOCKER, 'usr/bin/docker'), [
      '-H',
      `unix://${this.socket}`,
      ...words,
    ]);
    return stdout.trimEnd();
  }

  /** A container that sleeps. */
  run(name: string, ...flags: readonly string[]): Promise<string> {
    return this.docker('run', '-d', '--name', name, ...flags, IMAGE, '/bin/busybox', 'sleep', '1000000');
  }

  async pings(container: string, address: string, ...flags: readonly string[]): Promise<boolean> {
    const ping = ['exec', container, '/bin/busybox', 'ping', '-c', '2', '-W', '1', ...flags, address];
    return this.docker(...ping).then(
      () => true,
      () => false,
    );
  }

  /** The bridge of a user-defined network. */
  async bridgeOf(network: string): Promise<string> {
    const id = await this.docker('network', 'inspect', '-f', '{{.Id}}', network);
    return `br-${id.slice(0, 12)}`;
  }

  log(): string {
    const lines = this.daemon.said().split('\n');
    return lines
      .filter((line) => !/module=grpc|loading plugin/.test(line))
      .slice(-30)
      .join('\n');
  }

  /** Leaves nothing behind, whatever state it was in. */
  async remove(): Promise<void> {
    await this.daemon.stop('SIGKILL');
    await until(`the cgroups of ${this.name} are empty`, async () => {
      removeCgroups(this.name);
      return true;
    });
    rmSync(this.directory, { recursive: true, force: true });
  }

  private importImage(): void {
    const image = path.join(this.directory, 'image');
    mkdirSync(path.join(image, 'bin'), { recursive: true });
    execFileSync('cp', [path.join(DOCKER, 'bin/busybox'), path.join(image, 'bin/busybox')]);
    writeFileSync(path.join(image, 'README'), 'a static busybox\n');
    const tar = execFileSync('tar', ['-c', '-C', image, '.'], { maxBuffer: 64 << 20 });
    const client = [path.join(DOCKER, 'usr/bin/docker'), '-H', `unix://${this.socket}`];
    execFileSync(client[0]!, [...client.slice(1), 'import', '-', IMAGE], { input: tar, stdio: 'pipe' });
  }
}

/**
 * In the engine's own mount namespace: /sys and /proc of its own network and processes, with the machine's cgroups,
 * and a /run that no other engine sees. Then it runs the engine, again whenever it has ended and is to go on.
 */
const PREPARE = `
hostname "$1" &&
mount --rbind ${CGROUPS} "$2/cgroup" &&
mount -t sysfs sysfs /sys &&
mount --rbind "$2/cgroup" ${CGROUPS} &&
mount -t proc proc /proc &&
mount -t tmpfs tmpfs /run || exit
go=$2/go
shift 2
while :; do
  rm -f "$go"
  "$@"
  until [ -e "$go" ]; do sleep 0.05; done
done
`;

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
