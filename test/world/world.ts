import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseView } from '#agent/view-format.ts';
import { MortalDaemon } from '#lab/machine/mortal-daemon.ts';
import { until } from '#lab/until.ts';
import {
  call,
  callOk,
  type EndpointJson,
  listRecords,
  type Records,
  type Reply,
  type StatusJson,
} from './api.ts';
import {
  directoryOf,
  overlaysOf,
  readJournal,
  removeLeftovers,
  removeWorld,
  worldName,
} from './leftovers.ts';
import { ip, wireTogether } from './namespaces.ts';

let worlds = 0;

export interface WorldOptions {
  /** The bundle to run. */
  readonly program: string;
  readonly hosts: readonly string[];
  /** Put before an agent's command. */
  readonly wrap?: (world: World, host: string) => readonly string[];
  /** Put behind it. */
  readonly flags?: (world: World, host: string) => readonly string[];
}

/** A controller and several hosts on this machine, each daemon a process that can be killed and started again. */
export class World {
  /** Of all namespaces that the test makes. */
  readonly prefix = worldName(++worlds);
  readonly directory = directoryOf(this.prefix);
  readonly controllerRoot = path.join(this.directory, 'controller');
  readonly controllerSocket = path.join(this.controllerRoot, 'run/weft/controller.sock');
  readonly controller: MortalDaemon;
  readonly agents: ReadonlyMap<string, MortalDaemon>;

  constructor({ program, hosts, wrap = () => [], flags: more = () => [] }: WorldOptions) {
    removeLeftovers();
    mkdirSync(this.directory);
    const wire = this.addNamespace('wire');
    wireTogether(
      wire,
      hosts.map((host) => this.addNamespace(host)),
    );
    mkdirSync(this.controllerRoot);
    this.controller = this.daemon('controller', [
      ...[process.execPath, program, 'controller', '--root', this.controllerRoot],
    ]);
    const inside = (host: string) => ['nsenter', `--net=/run/netns/${this.prefix}-${host}`];
    const agents = hosts.map((host): [string, MortalDaemon] => {
      mkdirSync(this.rootOf(host));
      const flags = ['--root', this.rootOf(host), '--name', host, '--underlay', 'eth0', ...more(this, host)];
      const command = [process.execPath, program, 'agent', ...flags];
      const towards = ['--controller', `unix://${this.controllerSocket}`];
      return [host, this.daemon(host, [...inside(host), ...wrap(this, host), ...command, ...towards])];
    });
    this.agents = new Map(agents);
  }

  agent(host: string): MortalDaemon {
    return this.agents.get(host)!;
  }

  rootOf(host: string): string {
    return path.join(this.directory, host);
  }

  agentSocket(host: string): string {
    return path.join(this.rootOf(host), 'run/weft/agent.sock');
  }

  /** Where a daemon reads at which point it is to die (see test/crash/point.ts). */
  planOf(daemon: string): string {
    return path.join(this.directory, `${daemon}.plan`);
  }

  addNamespace(name: string): string {
    ip('netns', 'add', `${this.prefix}-${name}`);
    return `${this.prefix}-${name}`;
  }

  /** With its devices, at once: the kernel takes its time over a namespace that has any. */
  removeNamespace(name: string): void {
    ip('netns', 'del', name);
  }

  containerOf(name: string): string {
    return `${this.prefix}-${name}`;
  }

  async startAll(): Promise<void> {
    this.controller.start();
    for (const agent of this.agents.values()) agent.start();
    for (const host of this.agents.keys()) await this.untilConnected(host);
  }

  createNetwork(name: string, ...subnets: readonly string[]): Promise<Reply['body']> {
    return callOk(this.controllerSocket, 'ControllerService/CreateNetwork', { name, subnets });
  }

  attachTo(host: string, container: string, network: string, words: object = {}): Promise<Reply> {
    return this.attach(host, { namespace: this.containerOf(container), network, name: container, ...words });
  }

  detachAll(host: string, container: string): Promise<Reply> {
    return this.detach(host, { namespace: this.containerOf(container) });
  }

  /** A detach is answered before the controller is told: it has heard of those of all endpoints. */
  untilAllDetached(): Promise<void> {
    return until('all are detached', async () => (await this.records()).endpoints.length === 0);
  }

  attach(host: string, request: object): Promise<Reply> {
    return call(this.agentSocket(host), 'AgentService/Attach', request);
  }

  detach(host: string, request: object): Promise<Reply> {
    return call(this.agentSocket(host), 'AgentService/Detach', request);
  }

  /** The detach of one generation of an endpoint, as an agent tells it; one that is old news changes nothing. */
  tellDetached({ id, generation }: EndpointJson): Promise<Reply> {
    return call(this.controllerSocket, 'ControllerService/DetachEndpoint', { endpoint: id, generation });
  }

  status(host: string): Promise<StatusJson> {
    return callOk(this.agentSocket(host), 'AgentService/Status');
  }

  records(): Promise<Records> {
    return listRecords(this.controllerSocket);
  }

  /** Its agent tells the controller of it behind the answer. */
  async endpointOf(name: string): Promise<EndpointJson> {
    let found: EndpointJson | undefined;
    await until(`the controller knows ${name}`, async () => {
      found = (await this.records()).endpoints.find((endpoint) => endpoint.name === name);
      return found !== undefined;
    });
    return found!;
  }

  /** What the records say now is in these hosts' kernels: of others' endpoints they hear behind the answer to who attaches. */
  async untilApplied(hosts: readonly string[]): Promise<void> {
    const { revision } = await this.records();
    for (const host of hosts)
      await until(`${host} has applied revision ${revision}`, async () => {
        const { status } = await this.status(host);
        return Number(status?.appliedRevision ?? 0) >= revision;
      });
  }

  async untilAnswers(host: string): Promise<void> {
    await until(
      `${host} answers`,
      async () => (await call(this.agentSocket(host), 'AgentService/Status')).ok,
    );
  }

  /** The agent writes its view down now and then; before, a kill would leave it with an older one, or none. */
  async untilViewKept(host: string): Promise<void> {
    const { revision } = await this.records();
    const file = this.viewOf(host);
    await until(`${host} has kept its view`, async () => parseView(readFileSync(file)).revision >= revision);
  }

  viewOf(host: string): string {
    return path.join(this.rootOf(host), 'var/lib/weft/agent/view');
  }

  async untilConnected(host: string): Promise<void> {
    await until(`${host} follows the controller`, async () => {
      const { ok, body } = await call(this.agentSocket(host), 'AgentService/Status');
      return ok && body.connected === true;
    });
  }

  /** What that host's agent promised and did not take back yet, as its journal on the disk says. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  journalOf(host: string): Map<string, any> {
    return readJournal(this.rootOf(host));
  }

  /** What a host's overlay namespaces begin with. */
  overlaysOf(host: string): string {
    return overlaysOf(this.rootOf(host));
  }

  logs(): string {
    return [this.controller, ...this.agents.values()]
      .map(({ log }) => `── ${log}\n${readFileSync(log, 'utf8').split('\n').slice(-30).join('\n')}`)
      .join('\n');
  }

  /** Leaves nothing behind, whatever state things are in. */
  async remove(): Promise<void> {
    for (const daemon of [...this.agents.values(), this.controller]) await daemon.stop('SIGKILL');
    removeWorld(this.prefix);
  }

  private daemon(name: string, command: readonly string[]): MortalDaemon {
    return new MortalDaemon(command, path.join(this.directory, `${name}.log`), {
      CRASH_PLAN: this.planOf(name),
    });
  }
}

export { until };
