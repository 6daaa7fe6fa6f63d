import path from 'node:path';
import { DockerStage } from '#lab/docker/docker-stage.ts';
import { call, listRecords, type Records, type StatusJson } from './api.ts';
import { type EngineVersion, programsOf } from './docker-engine.ts';
import { directoryOf, removeLeftovers, removeWorld, worldName } from './leftovers.ts';
import { ip, plugIn, wireTogether } from './namespaces.ts';
import { Relay } from './relay.ts';

let worlds = 0;

export interface DockerWorldOptions {
  /** The bundle to run. */
  readonly program: string;
  readonly version: EngineVersion;
  readonly hosts?: readonly string[];
  /** Of `dockerd`. */
  readonly flags?: readonly string[];
}

/** Hosts with engines and agents on one underlay, whose power and wires can be cut. */
export class DockerWorld extends DockerStage {
  readonly prefix: string;
  private readonly relays = new Map<string, Relay>();

  constructor({ program, version, hosts = ['h1', 'h2'], flags }: DockerWorldOptions) {
    removeLeftovers();
    const prefix = worldName(++worlds);
    const directory = directoryOf(prefix);
    const wired = hosts.map((name) => ({ name, namespace: `${prefix}-${name}` }));
    const namespaces = wired.map(({ namespace }) => namespace);
    for (const namespace of [`${prefix}-wire`, ...namespaces]) ip('netns', 'add', namespace);
    wireTogether(`${prefix}-wire`, namespaces);
    const towards = (host: string) => path.join(directory, `${host}.sock`);
    const weft = [process.execPath, program];
    super({ directory, weft, hosts: wired, programs: programsOf(version), flags, towards });
    this.prefix = prefix;
    for (const host of hosts) this.relays.set(host, new Relay(towards(host), this.controllerSocket));
  }

  namespaceOf(host: string): string {
    return `${this.prefix}-${host}`;
  }

  underlayOf(host: string): string {
    return `10.99.0.${this.names.indexOf(host) + 1}`;
  }

  /** A power cut, and up again: nothing of the kernel's state is left, and the boot id is another. */
  async reboot(host: string, start = () => this.startHost(host)): Promise<void> {
    await this.engine(host).machine.cutPower();
    const port = this.names.indexOf(host);
    ip('-n', this.wire, 'link', 'del', `p${port}`);
    ip('netns', 'del', this.namespaceOf(host));
    ip('netns', 'add', this.namespaceOf(host));
    plugIn(this.wire, this.namespaceOf(host), port);
    await start();
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

  records(): Promise<Records> {
    return listRecords(this.controllerSocket);
  }

  async status(host: string): Promise<StatusJson> {
    const { ok, body } = await call(this.agentSocket(host), 'AgentService/Status');
    if (!ok) throw new Error(`the agent of ${host}: ${JSON.stringify(body)}`);
    return body;
  }

  override async remove(): Promise<void> {
    await super.remove();
    for (const relay of this.relays.values()) relay.close();
    removeWorld(this.prefix);
  }

  private get wire(): string {
    return `${this.prefix}-wire`;
  }
}
