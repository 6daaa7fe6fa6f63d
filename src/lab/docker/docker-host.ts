import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Machine } from '../machine/machine.ts';
import type { MortalDaemon } from '../machine/mortal-daemon.ts';
import { until } from '../until.ts';
import { buildImage, IMAGE } from './busybox-image.ts';
import type { EnginePrograms } from './engine-programs.ts';

const run = promisify(execFile);

export interface DockerHostOptions {
  /** The network namespace that is the host. */
  readonly namespace: string;
  /** Where it may keep its files; it makes `docker-<namespace>` in it. Not below /run or /var/lib. */
  readonly directory: string;
  readonly programs: EnginePrograms;
  /** Of `dockerd`, beside what it takes to run here. */
  readonly flags?: readonly string[];
}

/** Known before there is an engine. */
export const dockerSocket = ({
  namespace,
  directory,
}: Pick<DockerHostOptions, 'namespace' | 'directory'>): string =>
  path.join(directory, `docker-${namespace}`, 'docker.sock');

/** A Docker engine on a machine of its own, where it has the places that it has by default. */
export class DockerHost {
  readonly name: string;
  readonly directory: string;
  /** For clients anywhere; on the machine there is /run/docker.sock too. */
  readonly socket: string;
  readonly machine: Machine;
  readonly daemon: MortalDaemon;
  /** Those of its next start. */
  flags: readonly string[];
  private readonly programs: EnginePrograms;

  constructor(options: DockerHostOptions) {
    const { namespace, programs, flags = [] } = options;
    this.name = namespace;
    this.programs = programs;
    this.flags = flags;
    this.socket = dockerSocket(options);
    this.directory = path.dirname(this.socket);
    this.machine = new Machine({ namespace, directory: this.directory });
    const here = ['-H', 'unix:///run/docker.sock'];
    this.daemon = this.machine.daemon('dockerd', () => this.command(...here), programs.environment);
  }

  /** Boots the machine, unless it is on, and starts the engine. */
  async start(): Promise<void> {
    if (!this.machine.isOn) await this.machine.boot();
    await this.startEngine();
    if (await this.docker('images', '-q', IMAGE)) return;
    const image = await buildImage(this.programs.busybox, path.join(this.directory, 'image.tar'));
    await this.docker('import', image, IMAGE);
  }

  /** Ends the engine alone: with SIGTERM it stops its containers first, with SIGKILL they go on without it. */
  stopEngine(signal: NodeJS.Signals): Promise<void> {
    return this.daemon.stop(signal);
  }

  /** At first, and after {@link stopEngine}. */
  async startEngine(): Promise<void> {
    this.daemon.start();
    await this.untilAnswers();
  }

  async untilAnswers(): Promise<void> {
    try {
      await until(`dockerd of ${this.name} answers`, () => this.docker('version'));
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.log()}`);
    }
  }

  /** `docker …`; what it prints, without the last line's end. Throws with what it says. */
  async docker(...words: readonly string[]): Promise<string> {
    const { stdout } = await run(this.programs.docker, ['-H', `unix://${this.socket}`, ...words]);
    return stdout.trimEnd();
  }

  /** A container that sleeps, and is not asked twice to stop. */
  run(name: string, ...flags: readonly string[]): Promise<string> {
    const command = ['/bin/busybox', 'sleep', '1000000'];
    return this.docker('run', '-d', '--name', name, '--stop-signal', 'KILL', ...flags, IMAGE, ...command);
  }

  /** One of two, the second as soon as the first is answered. */
  async pings(container: string, address: string, ...flags: readonly string[]): Promise<boolean> {
    const ping = ['exec', container, '/bin/busybox', 'ping', '-A', '-c', '2', '-W', '1', ...flags, address];
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
      .filter((line) => !/module=grpc|loading plugin|\[resolver\]|docker-init/.test(line))
      .slice(-30)
      .join('\n');
  }

  /** Leaves nothing behind, whatever state it was in. */
  async remove(): Promise<void> {
    await this.machine.cutPower();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** `dockerd`, with more of its flags. */
  command(...more: readonly string[]): string[] {
    return [
      ...[this.programs.dockerd, '--data-root', path.join(this.directory, 'data')],
      ...['--exec-root', '/run/docker', '--pidfile', '/run/docker.pid', '-H', `unix://${this.socket}`],
      ...['--storage-driver', 'overlay2', '--cgroup-parent', `/${this.name}`, ...this.flags, ...more],
    ];
  }
}
