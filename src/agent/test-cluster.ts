import type { Granted } from '#controller/event.ts';
import { TestController } from '#controller/test-controller.ts';
import { registerHost } from '#intent/test-world.ts';
import { FakeKernel } from '#kernel/fake-kernel.ts';
import type { MissSource } from '#kernel/kernel.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import { createId, type Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { type KernelObject, kernelObjects } from '#model/kernel-state.ts';
import type { Endpoint } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import type { Wish } from '#model/wish.ts';
import { hostView } from '#plan/host-view.ts';
import type { Attachment, JournalEntry } from './attachment.ts';
import { step } from './core.ts';
import type { AgentEffect, AgentEvent, Answer, AttachAsk, AttachGrant, DetachAsk } from './event.ts';
import { planOps } from './plan-ops.ts';
import { scopeOf } from './scope.ts';
import { type AgentState, createAgentState } from './state.ts';

const UNREACHABLE = reject('unavailable', fault('controller', 'test', 'is away', 'bring it back'));
let lastSession = 0;

/** For tests: the shipped cores of one controller and several agents, over fake kernels and a wire that can be cut. */
export class TestCluster {
  readonly controller = new TestController();
  readonly agents = new Map<string, TestAgent>();
  nowMs = 1_000_000;
  /** How much of it the agents had something to do. */
  busyMs = 0;

  agent(name: string): TestAgent {
    const known = this.agents.get(name);
    if (known) return known;
    const agent = new TestAgent(this, name);
    this.agents.set(name, agent);
    return agent;
  }

  /** Attached, and answered so. */
  async attached(agent: TestAgent, network: string, path: string, afterMs = 0): Promise<Endpoint> {
    const request = agent.attach(network, path);
    await this.settle(afterMs);
    const answer = agent.answers.get(request);
    if (!answer || isRejection(answer) || answer.answer !== 'attached')
      throw new Error(JSON.stringify(answer));
    return answer.endpoint;
  }

  /** Runs until nothing is left to do; `afterMs` of time pass first, in ticks of half a second. */
  async settle(afterMs = 0): Promise<void> {
    const end = this.nowMs + afterMs;
    do {
      this.nowMs = Math.min(this.nowMs + 500, Math.max(end, this.nowMs));
      for (const agent of this.agents.values()) agent.dispatch({ event: 'tick' });
      for (let work = true; work; ) {
        work = false;
        for (const agent of this.agents.values()) work = (await agent.work()) || work;
      }
    } while (this.nowMs < end);
  }
}

/** With two hosts, which know each other. */
export async function startTwoHosts(): Promise<[TestCluster, TestAgent, TestAgent]> {
  const cluster = new TestCluster();
  const agents = [cluster.agent('h1'), cluster.agent('h2')] as const;
  await cluster.settle();
  return [cluster, ...agents];
}

/** One host: core, kernel, and what survives the process (journal and view). */
export class TestAgent {
  readonly kernel = new FakeKernel();
  readonly journal = new Map<string, JournalEntry>();
  readonly name: string;
  state: AgentState;
  readonly answers = new Map<number, Answer | Rejection>();
  /** All writes that the kernel was asked for. */
  readonly ops: KernelOp[] = [];
  /** Effects of this kind wait, until they are let go or the process dies. */
  holding?: AgentEffect['effect'];
  readonly held: AgentEffect[] = [];
  /** Whether the wire to the controller is whole. */
  connected = true;
  /** Of the host, by their ports. */
  readonly programs = new Map<number, string>();
  /** What it would find beside its kernel's state. */
  readonly survey = { filters: [] as { family: 4; rules: string[] }[], legacy: [], addresses: new Map() };
  /** Addresses that this host does not have. */
  readonly strange = new Set<string>();
  /** Whose misses were not to be heard any more. */
  readonly muted: MissSource[] = [];
  private readonly cluster: TestCluster;
  private keptView: Snapshot | undefined;
  private effects: AgentEffect[] = [];
  private session = 0;
  private connecting = false;
  /** Attaches that the controller was asked for, and under which number. */
  private readonly awaited = new Map<number, number>();
  private lastRequest = 0;

  constructor(cluster: TestCluster, name: string) {
    this.cluster = cluster;
    this.name = name;
    this.state = this.boot('boot-1');
  }

  /** A new process on what the last one left on disk. */
  restart(bootId = this.state.bootId): void {
    this.cutSession();
    this.effects = [];
    this.held.length = 0;
    this.holding = undefined;
    this.state = this.boot(bootId);
  }

  cut(): void {
    this.connected = false;
    this.cutSession();
    this.dispatch({ event: 'disconnected', reason: 'cut' });
  }

  heal(): void {
    this.connected = true;
    this.connecting = true;
  }

  letGo(): void {
    this.holding = undefined;
    this.effects.push(...this.held.splice(0));
  }

  async objects(): Promise<KernelObject[]> {
    return [...kernelObjects(await this.kernel.observe(scopeOf(this.state)))];
  }

  /** Of its tunnels, for that endpoint. */
  async rowsFor({ mac }: Endpoint): Promise<number> {
    const isRow = (object: KernelObject) =>
      object.kind === 'fdb' && object.table === 'self' && object.mac === mac;
    return (await this.objects()).filter(isRow).length;
  }

  attach(network: string, path: string, words: Partial<AttachAsk['words']> = {}): number {
    const namespace = this.namespaces.get(path) ?? this.kernel.createContainerNamespace(path);
    this.namespaces.set(path, namespace);
    const ask = {
      words: { network, containerId: path, name: path.slice(1), aliases: [], addresses: [], ...words },
      namespace,
    };
    return this.ask((request) => ({ event: 'asked-attach', request, ask }));
  }

  /** As a runtime's plugin asks. */
  attachThroughDoor(network: string, handle: string, words: Partial<AttachAsk['words']> = {}): number {
    const door = { runtime: 'docker', handle } as const;
    const ask = {
      words: { network, containerId: handle, name: handle, aliases: [], addresses: [], ...words },
      door,
    };
    return this.ask((request) => ({ event: 'asked-attach', request, ask }));
  }

  readonly namespaces = new Map<string, AttachAsk['namespace']>();

  detach(ask: DetachAsk): number {
    return this.ask((request) => ({ event: 'asked-detach', request, ask }));
  }

  ask(eventOf: (request: number) => AgentEvent): number {
    const request = ++this.lastRequest;
    this.dispatch(eventOf(request));
    return request;
  }

  dispatch(event: AgentEvent): void {
    this.effects.push(
      ...step(this.state, event, {
        nowMs: this.cluster.nowMs,
        idleMs: this.cluster.nowMs - this.cluster.busyMs,
        chance: this.cluster.controller.chance,
      }),
    );
  }

  /** What is left to do in the kernel: nothing, when the agent is done. */
  async pendingOps(): Promise<KernelOp[]> {
    const observed = await this.kernel.observe(scopeOf(this.state));
    return planOps(this.state, observed).map(({ op }) => op);
  }

  /** Names of the networks that the agent's view puts on this host. */
  networks(): string[] {
    return (hostView(this.state.view, this.state.host)?.networks ?? [])
      .map(({ network }) => network.name)
      .sort();
  }

  /** Performs what is due; false when nothing was. */
  async work(): Promise<boolean> {
    this.listen();
    const effect = this.effects.shift();
    if (effect && effect.effect === this.holding) this.held.push(effect);
    else if (effect) await this.perform(effect);
    else if (this.connecting && this.connected) this.connect();
    else return false;
    return true;
  }

  private boot(bootId: string): AgentState {
    const entries = [...this.journal.values()];
    this.connecting = true;
    return createAgentState({
      bootId,
      name: this.name,
      host: hostId(this.name),
      view: this.keptView && new Snapshot(this.keptView.records(), this.keptView.revision),
      attachments: entries.filter((entry): entry is Attachment => entry.entry === 'attachment'),
      handingBack: entries.flatMap((entry) => (entry.entry === 'hand-back' ? entry.network : [])),
    });
  }

  private connect(): void {
    this.connecting = false;
    const wish = { ...registerHost(this.name, { id: this.state.host, underlay: [underlayOf(this.name)] }) };
    this.cluster.controller.grant(wish, { role: 'host', name: this.name });
    this.session = ++lastSession;
    this.cluster.controller.follow(this.session, this.name);
  }

  private cutSession(): void {
    if (this.session) this.cluster.controller.dispatch({ event: 'follow-ended', session: this.session });
    this.session = 0;
  }

  /** What the controller has said: on the session, and in answer to attaches. */
  private listen(): void {
    const messages = this.session ? this.cluster.controller.sent.get(this.session)?.splice(0) : undefined;
    for (const message of messages ?? []) this.dispatch({ event: 'heard', message });
    this.cluster.controller.acknowledgeAll();
    for (const [request, petition] of this.awaited) {
      const answer = this.cluster.controller.answers.get(petition);
      if (answer) this.awaited.delete(request);
      if (answer) this.dispatch({ event: 'attach-granted', request, grant: grantOf(answer) });
    }
  }

  private async perform(effect: AgentEffect): Promise<void> {
    switch (effect.effect) {
      case 'connect':
        this.connecting = true;
        return;
      case 'disconnect':
        return this.cut();
      case 'ask-attach': {
        if (!this.connected)
          return this.dispatch({ event: 'attach-granted', request: effect.request, grant: UNREACHABLE });
        const { controller } = this.cluster;
        this.awaited.set(effect.request, controller.petition(effect.wish, { role: 'host', name: this.name }));
        return controller.acknowledgeAll();
      }
      case 'ask-hold': {
        const answer = this.askController(effect.wish);
        const grant = isRejection(answer) ? answer : grantOf(answer);
        return this.dispatch({ event: 'hold-granted', request: effect.request, grant });
      }
      case 'seek-end': {
        const { endpoint, port, path } = effect;
        const found = await this.kernel.findEnd(port, path);
        return this.dispatch({ event: 'end-sought', endpoint, found });
      }
      case 'publish': {
        const answer = this.askController({ wish: 'publish-endpoint', endpoint: effect.endpoint });
        const { id, generation } = effect.endpoint;
        const outcome = isRejection(answer) ? answer : answer.revision;
        return this.dispatch({ event: 'published', endpoint: id, generation, outcome });
      }
      case 'ask-detach': {
        const answer = this.askController(effect.wish);
        const refused = isRejection(answer) ? answer : undefined;
        return this.dispatch({ event: 'detach-granted', endpoint: effect.wish.endpoint, refused });
      }
      case 'ask-blocks': {
        this.askController(effect.wish);
        return this.dispatch({ event: 'blocks-acquired', network: effect.wish.network });
      }
      case 'ask-return': {
        const { network } = effect;
        const answer = this.askController({ wish: 'return-blocks', network, host: this.name });
        const outcome = isRejection(answer) ? answer : answer.revision;
        return this.dispatch({ event: 'blocks-returned', network, outcome });
      }
      case 'publish-stations': {
        const { adoption, stations } = effect;
        const answer = this.askController({ wish: 'publish-stations', adoption, stations });
        const outcome = isRejection(answer) ? answer : answer.revision;
        return this.dispatch({ event: 'stations-published', adoption, outcome });
      }
      case 'survey':
        return this.dispatch({ event: 'surveyed', survey: this.survey });
      case 'find-port-holders': {
        const holders = effect.publications.map(
          ({ id, hostPort, hostAddress = '' }) =>
            [
              id,
              { holder: this.programs.get(hostPort), lacksAddress: this.strange.has(hostAddress) },
            ] as const,
        );
        return this.dispatch({ event: 'port-holders-found', holders: new Map(holders) });
      }
      case 'journal-put':
        if (effect.tellWritten) this.dispatch({ event: 'journal-written', key: effect.key });
        this.journal.set(effect.key, effect.entry);
        return this.dispatch({ event: 'journaled', key: effect.key, entry: effect.entry });
      case 'journal-delete':
        this.journal.delete(effect.key);
        return this.dispatch({ event: 'journaled', key: effect.key });
      case 'keep-view':
        this.keptView = new Snapshot(this.state.view.records(), this.state.view.revision);
        return this.dispatch({ event: 'view-kept', revision: this.keptView.revision });
      case 'observe':
        return this.dispatch({ event: 'observed', state: await this.kernel.observe(effect.scope) });
      case 'apply':
        this.ops.push(...effect.ops);
        return this.dispatch({
          event: 'applied',
          results: await this.kernel.apply(effect.ops, effect.scope),
        });
      case 'shortcut': {
        const { ops, scope, purpose } = effect;
        this.ops.push(...ops);
        return this.dispatch({
          event: 'shortcut-ended',
          purpose,
          results: await this.kernel.apply(ops, scope),
        });
      }
      case 'send-frames':
        for (const { to, frame } of effect.frames) this.kernel.sendFrame(to, frame);
        return;
      case 'announce':
        return this.kernel.announce(effect.frames);
      case 'mute-misses':
        this.muted.push(effect.source);
        return;
      case 'find-idle': {
        const rows = await this.kernel.idleRows(effect.overlays, effect.idleMs);
        return this.dispatch({ event: 'found-idle', rows });
      }
      case 'unplug': {
        const { endpoints, ops, scope } = effect;
        this.ops.push(...ops);
        const results = await this.kernel.apply(ops, scope);
        return this.dispatch({ event: 'unplugged', endpoints, results });
      }
      case 'report-status':
        return this.connected
          ? this.cluster.controller.dispatch({ event: 'status-reported', status: effect.status })
          : undefined;
      case 'answer':
        this.answers.set(effect.request, effect.answer);
    }
  }

  private askController(wish: Wish) {
    return this.connected
      ? this.cluster.controller.ask(wish, { role: 'host', name: this.name })
      : UNREACHABLE;
  }
}

const grantOf = (answer: Granted | Rejection): AttachGrant | Rejection => {
  if (isRejection(answer)) return answer;
  if (answer.subject?.kind !== 'endpoint') throw new Error('an attach is about an endpoint');
  return { endpoint: answer.subject, revision: answer.revision, notices: answer.notices };
};

const underlayOf = (name: string): string => `10.99.0.${name.replace(/\D/g, '')}`;

const hostId = (name: string): Id => createId(0, () => new TextEncoder().encode(name.padStart(10, '0')));

/** What a hold was answered with. */
export function heldBy(agent: TestAgent, request: number): Ip | Rejection {
  const answer = agent.answers.get(request);
  if (!answer) throw new Error('no answer');
  if (isRejection(answer)) return answer;
  if (answer.answer !== 'held') throw new Error(answer.answer);
  return answer.address;
}

/** What an attach was answered with; anything else throws. */
export function attachedBy(agent: TestAgent, request: number): Endpoint {
  const answer = agent.answers.get(request);
  if (!answer || isRejection(answer) || answer.answer !== 'attached') throw new Error(JSON.stringify(answer));
  return answer.endpoint;
}
