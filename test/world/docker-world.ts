import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { call, listRecords, type Records, type StatusJson } from './api.ts';
import { Daemon } from './daemon.ts';
import type { EngineVersion } from './docker-engine.ts';
import { DockerHost } from './docker-host.ts';
import { directoryOf, removeLeftovers, removeWorld, worldName } from './leftovers.ts';
import { ip, plugIn, wireTogether } from './namespaces.ts';
import { Relay } from './relay.ts';
import { until } from './world.ts';

let worlds = 0;

export interface DockerWorldOptions {
  /** The bundle to run. */
  readonly program: string;
  readonly version: EngineVersion;
  readonly hosts?: readonly string[];
  /** Of `dockerd`. */
  readonly flags?: readonly string[];
}

/**
 * Hosts on one underlay, each with a Docker engine and a Weft agent that see the same files, and a controller. What
 * Weft keeps is where it is by default (/run/weft, /run/docker/plugins, /run/netns, /var/lib/weft), on each host's own.
 */
export class DockerWorld {
  readonly prefix = worldName(++worlds);
  readonly directory = directoryOf(this.prefix);
  readonly controllerSocket: string;
  readonly controller: Daemon;
  readonly names: readonly string[];
  private readonly program: string;
  private readonly engines = new Map<string, DockerHost>();
  private readonly agents = new Map<string, Daemon>();
  private readonly relays = new Map<string, Relay>();
  private readonly wire: string;

  constructor({ program, version, hosts = ['h1', 'h2'], flags }: DockerWorldOptions) {
    removeLeftovers();
    this.program = program;
    this.names = hosts;
    this.wire = `${this.prefix}-wire`;
    const namespaces = hosts.map((host) => this.namespaceOf(host));
    for (const namespace of [this.wire, ...namespaces]) ip('netns', 'add', namespace);
    wireTogether(this.wire, namespaces);
    const root = path.join(this.directory, 'controller');
    mkdirSync(root, { recursive: true });
    this.controllerSocket = path.join(root, 'run/weft/controller.sock');
    const controller = [process.execPath, program, 'controller', '--root', root];
    this.controller = new Daemon(controller, path.join(this.directory, 'controller.log'));
    for (const host of hosts) this.addHost(host, version, flags);
  }

  private addHost(host: string, version: EngineVersion, flags: readonly string[] | undefined): void {
    const { directory } = this;
    const engine = new DockerHost({ namespace: this.namespaceOf(host), directory, version, flags });
    const towards = path.join(directory, `${host}.sock`);
    const words = ['--name', host, '--underlay', 'eth0', '--controller', `unix://${towards}`];
    this.engines.set(host, engine);
    this.agents.set(
      host,
      engine.machine.daemon('agent', () => [process.execPath, this.program, 'agent', ...words]),
    );
    this.relays.set(host, new Relay(towards, this.controllerSocket));
  }

  engine(host: string): DockerHost {
    return this.engines.get(host)!;
  }

  agent(host: string): Daemon {
    return this.agents.get(host)!;
  }

  namespaceOf(host: string): string {
    return `${this.prefix}-${host}`;
  }

  underlayOf(host: string): string {
    return `10.99.0.${this.names.indexOf(host) + 1}`;
  }

  /** Agents before engines, as the units are. */
  async startAll(): Promise<void> {
    this.controller.start();
    await Promise.all(this.names.map((host) => this.startHost(host)));
  }

  private async startHost(host: string): Promise<void> {
    await this.engine(host).machine.boot();
    this.agent(host).start();
    await this.untilConnected(host);
    await this.engine(host).start();
  }

  /** A power cut, and up again: nothing of the kernel's state is left, and the boot id is another. */
  async reboot(host: string): Promise<void> {
    await this.engine(host).machine.cutPower();
    const port = this.names.indexOf(host);
    ip('-n', this.wire, 'link', 'del', `p${port}`);
    ip('netns', 'del', this.namespaceOf(host));
    ip('netns', 'add', this.namespaceOf(host));
    plugIn(this.wire, this.namespaceOf(host), port);
    await this.startHost(host);
  }

  /** Nothing comes through from that host or to it: not from the others, and not from the controller. */
  cutOff(host: string): void {
    ip('-n', this.wire, 'link', 'set', `p${this.names.indexOf(host)}`, 'down');
    this.relays.get(host)!.cut();
  }

  async join(host: string): Promise<void> {
    ip('-n', this.wire, 'link', 'set', `p${this.names.indexOf(host)}`, 'up');
    this.relays.get(host)!.heal();
    await this.untilConnected(host);
  }

  /** `weft …` on that host, as a user there types it; what it prints. Throws with what it says. */
  weft(host: string, ...words: readonly string[]): Promise<string> {
    return this.engine(host).machine.exec(process.execPath, this.program, ...words);
  }

  records(): Promise<Records> {
    return listRecords(this.controllerSocket);
  }

  async status(host: string): Promise<StatusJson> {
    const socket = this.engine(host).machine.inside('/run/weft/agent.sock');
    const { ok, body } = await call(socket, 'AgentService/Status');
    if (!ok) throw new Error(`the agent of ${host}: ${JSON.stringify(body)}`);
    return body;
  }

  async untilConnected(host: string): Promise<void> {
    await until(`${host} follows the controller`, async () => (await this.status(host)).connected === true);
  }

  logs(): string {
    const files = [this.controller, ...this.agents.values()].map(({ log }) => log);
    const tails = files.map(
      (file) => `── ${file}\n${readFileSync(file, 'utf8').split('\n').slice(-30).join('\n')}`,
    );
    const engines = this.names.map((host) => `── dockerd of ${host}\n${this.engine(host).log()}`);
    return [...tails, ...engines].join('\n');
  }

  /** Leaves nothing behind, whatever state things are in. */
  async remove(): Promise<void> {
    for (const engine of this.engines.values()) await engine.remove();
    for (const relay of this.relays.values()) relay.close();
    await this.controller.stop('SIGKILL');
    removeWorld(this.prefix);
  }
}
