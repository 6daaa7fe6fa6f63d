import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { agentPaths, controllerPaths } from '#model/paths.ts';
import { isReady, tailOf } from '../daemons.ts';
import { MortalDaemon } from '../machine/mortal-daemon.ts';
import { until } from '../until.ts';
import { DockerHost } from './docker-host.ts';
import type { EnginePrograms } from './engine-programs.ts';

export interface DockerStageOptions {
  /** Where all files are; not below /run or /var/lib. */
  readonly directory: string;
  /** How `weft` is started here. */
  readonly weft: readonly string[];
  /** Network namespaces with an `eth0` on one underlay. */
  readonly hosts: readonly { readonly name: string; readonly namespace: string }[];
  readonly programs: EnginePrograms;
  /** Of `dockerd`. */
  readonly flags?: readonly string[];
  /** Where the agent of a host finds the controller, if not at its own socket. */
  readonly towards?: (host: string) => string;
}

/**
 * Hosts with a Docker engine and a Weft agent each that see the same files, and a controller. What Weft keeps is where
 * it is by default (/run/weft, /run/docker/plugins, /run/netns, /var/lib/weft), on each host's own. All of it ends with
 * this process.
 */
export class DockerStage {
  readonly directory: string;
  readonly controllerSocket: string;
  readonly controller: MortalDaemon;
  readonly names: readonly string[];
  private readonly program: readonly string[];
  private readonly engines = new Map<string, DockerHost>();
  private readonly agents = new Map<string, MortalDaemon>();

  constructor(options: DockerStageOptions) {
    const { directory, weft, hosts } = options;
    this.directory = directory;
    this.program = weft;
    this.names = hosts.map(({ name }) => name);
    const root = path.join(directory, 'controller');
    mkdirSync(root, { recursive: true });
    this.controllerSocket = controllerPaths(root).socket;
    const command = [...weft, 'controller', '--root', root];
    this.controller = new MortalDaemon(command, path.join(directory, 'controller.log'));
    for (const { name, namespace } of hosts) this.addHost(options, name, namespace);
  }

  private addHost({ programs, flags, towards }: DockerStageOptions, name: string, namespace: string): void {
    const engine = new DockerHost({ namespace, directory: this.directory, programs, flags });
    const controller = `unix://${towards?.(name) ?? this.controllerSocket}`;
    const words = ['agent', '--name', name, '--underlay', 'eth0', '--controller', controller];
    this.engines.set(name, engine);
    this.agents.set(
      name,
      engine.machine.daemon('agent', () => [...this.program, ...words]),
    );
  }

  engine(host: string): DockerHost {
    return this.engines.get(host)!;
  }

  agent(host: string): MortalDaemon {
    return this.agents.get(host)!;
  }

  agentSocket(host: string): string {
    return this.engine(host).machine.inside(agentPaths('').socket);
  }

  async startAll(): Promise<void> {
    this.controller.start();
    await Promise.all(this.names.map((host) => this.startHost(host)));
  }

  /** The agent before the engine, as the units are. */
  async startHost(host: string): Promise<void> {
    await this.engine(host).machine.boot();
    this.agent(host).start();
    await this.untilConnected(host);
    await this.engine(host).start();
  }

  async untilConnected(host: string): Promise<void> {
    await until(`${host} follows the controller`, () => isReady(this.agentSocket(host)));
  }

  /** `weft …` on that host, as a user there types it; what it prints. Throws with what it says. */
  weft(host: string, ...words: readonly string[]): Promise<string> {
    return this.engine(host).machine.exec(...this.program, ...words);
  }

  /** The last words of all. */
  logs(): string {
    const daemons = [this.controller, ...this.agents.values()];
    return [
      ...daemons.map(({ log }) => `── ${log}\n${tailOf(log)}`),
      ...this.names.map((host) => `── dockerd of ${host}\n${this.engine(host).log()}`),
    ].join('\n');
  }

  /** Leaves nothing behind but its directory, whatever state things are in. */
  async remove(): Promise<void> {
    for (const engine of this.engines.values()) await engine.remove();
    await this.controller.stop('SIGKILL');
  }
}
