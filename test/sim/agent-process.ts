import type { Attachment, JournalEntry } from '#agent/attachment.ts';
import type { AgentEffect, AgentEvent, Answer, AttachAsk, DetachAsk, DoorHandle } from '#agent/event.ts';
import type { AgentState } from '#agent/state.ts';
import type { Uplink } from '#agent/uplink.ts';
import type { HoldAsk } from '#api/door.ts';
import type { FollowMessage } from '#api/follow-message.ts';
import type { KernelEvent } from '#kernel/kernel.ts';
import { fault, type Rejection, reject } from '#model/fault.ts';
import { type OpResult, singleOps } from '#model/kernel-op.ts';
import { checkHeard, checkOps } from './agent-checks.ts';
import type { Carrier } from './ends.ts';
import { Fuse } from './fuse.ts';
import type { Machine } from './machine.ts';
import { callResolver } from './resolver-process.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** `lost`: the agent was killed before it answered. */
export type Outcome = Answer | Rejection | 'lost';

type AskingEffect = Extract<AgentEffect['effect'], `ask-${string}` | 'publish' | 'publish-stations'>;
type Write = Extract<AgentEffect, { effect: 'apply' | 'shortcut' }>;

/** agent/engine.ts */
const TICK_INTERVAL_MS = 500;

const DISK_FULL = reject('unavailable', fault('journal', 'full', 'no room on the disk', 'make room'));

/** The agent's core with its machine's kernel, disk and wire, as agent/engine.ts runs it. It can be killed anywhere. */
export class AgentProcess {
  readonly fuse = new Fuse();
  readonly state: AgentState;
  isAlive = true;
  /** It has heard the controller in this life. */
  isConfirmed = false;
  readonly #world: World;
  readonly #machine: Machine;
  readonly #asked = new Map<number, (outcome: Outcome) => void>();
  readonly #unwatch: () => void;
  readonly #uplink: Uplink;
  readonly #writing: Write[] = [];
  #lastWriteMs = 0;
  #lastRequest = 0;
  #changes: KernelEvent[] = [];

  constructor(world: World, machine: Machine) {
    this.#world = world;
    this.#machine = machine;
    const { cores } = world;
    const { disk, bootId, name, id: host } = machine;
    const entries = [...disk.readJournal().values()];
    const attachments = entries.filter((entry): entry is Attachment => entry.entry === 'attachment');
    const handingBack = entries.flatMap((entry) => (entry.entry === 'hand-back' ? entry.network : []));
    const view = disk.readView();
    this.state = cores.createAgentState({ bootId, name, host, view, attachments, handingBack });
    this.#uplink = cores.createUplink(this.#carrier);
    machine.kernel.watchMisses((misses) => this.dispatch({ event: 'missed', misses }));
    machine.kernel.watchClaims((claims) => this.dispatch({ event: 'claimed', claims }));
    this.#unwatch = machine.kernel.watch((change) => this.#hearKernel(change));
    this.#tick();
    this.#connect(0);
  }

  attach(ask: AttachAsk, done: (outcome: Outcome) => void): void {
    this.#request((request) => ({ event: 'asked-attach', request, ask }), done);
  }

  hold(ask: HoldAsk, done: (outcome: Outcome) => void): void {
    this.#request((request) => ({ event: 'asked-hold', request, ask }), done);
  }

  noteSandbox(door: DoorHandle, sandboxPath: string, done: (outcome: Outcome) => void): void {
    this.#request((request) => ({ event: 'moving', request, door, sandboxPath }), done);
  }

  detach(ask: DetachAsk, done: (outcome: Outcome) => void): void {
    this.#request((request) => ({ event: 'asked-detach', request, ask }), done);
  }

  /** Killed: what it was doing to the kernel is done up to some op. */
  kill(): void {
    const { timeline, random } = this.#world;
    const { disk, wire, kernel } = this.#machine;
    this.isAlive = false;
    if (this.#machine.resolver) this.#machine.resolver.isCurrent = false;
    this.#unwatch();
    disk.crash();
    wire.abandon();
    const [write] = this.#writing;
    if (write) {
      const done = write.ops.slice(0, random.below(write.ops.length + 1));
      timeline.after(0, async () => void (await kernel.apply(done, write.scope)));
    }
    for (const done of this.#asked.values()) timeline.after(random.between(0, 5), () => done('lost'));
  }

  dispatch(event: AgentEvent): void {
    if (!this.isAlive) return;
    for (const effect of this.#step(event)) {
      const burns = this.fuse.burn(effect.effect);
      if (burns !== 'before') this.#perform(effect);
      if (burns) {
        this.#world.count(`agent crash at ${effect.effect}`);
        this.#machine.crashAgent(`${burns} ${effect.effect}`);
        return;
      }
    }
    if (this.#machine.resolver?.isCurrent && !this.state.session.connected)
      throw new Violation('a name may be new elsewhere', `${this.#machine.name} hears nobody`);
  }

  #step(event: AgentEvent): AgentEffect[] {
    const { cores, timeline, random } = this.#world;
    try {
      const nowMs = Math.floor(timeline.nowMs);
      const chance = { now: this.#machine.clock.wallMs, entropy: (count: number) => random.bytes(count) };
      return cores.stepAgent(this.state, event, { nowMs, idleMs: nowMs, chance });
    } catch (error) {
      throw new Violation('the core never throws', `agent ${this.#machine.name}: ${(error as Error).stack}`);
    }
  }

  #request(eventOf: (request: number) => AgentEvent, done: (outcome: Outcome) => void): void {
    const request = ++this.#lastRequest;
    this.#asked.set(request, done);
    this.dispatch(eventOf(request));
  }

  #perform(effect: AgentEffect): void {
    const { disk, name } = this.#machine;
    switch (effect.effect) {
      case 'connect':
        this.#connect(effect.afterMs);
        break;
      case 'disconnect':
        this.#uplink.disconnect(effect.reason);
        this.#world.timeline.awaitPromises();
        break;
      case 'ask-attach':
      case 'ask-hold':
      case 'publish':
      case 'ask-blocks':
      case 'ask-return':
      case 'publish-stations':
      case 'ask-detach':
        this.#askController(effect);
        break;
      case 'journal-put':
        this.#journal(effect.key, effect.entry, effect.tellWritten);
        break;
      case 'journal-delete':
        this.#journal(effect.key, undefined);
        break;
      case 'keep-view':
        disk.keepSoon(this.state.view, (revision) => this.dispatch({ event: 'view-kept', revision }));
        break;
      case 'observe':
        this.#after(0.2, 3, () => this.#observe(effect.scope));
        break;
      case 'survey':
        this.#after(1, 20, () =>
          this.dispatch({ event: 'surveyed', survey: { filters: [], legacy: [], addresses: new Map() } }),
        );
        break;
      case 'find-port-holders': {
        const none = effect.publications.map(({ id }) => [id, {}] as const);
        this.#after(1, 20, () => this.dispatch({ event: 'port-holders-found', holders: new Map(none) }));
        break;
      }
      case 'wake':
        this.#after(effect.afterMs, effect.afterMs + 3, () => this.dispatch({ event: 'tick' }));
        break;
      case 'apply':
        // Killed or disturbed between any two rows.
        this.#write({ ...effect, ops: singleOps(effect.ops) }, (results) =>
          this.dispatch({ event: 'applied', results }),
        );
        break;
      case 'shortcut': {
        const { purpose } = effect;
        this.#write(effect, (results) => this.dispatch({ event: 'shortcut-ended', purpose, results }));
        break;
      }
      case 'send-frames':
        for (const { to, frame } of effect.frames) this.#machine.kernel.sendFrame(to, frame);
        break;
      case 'announce':
        this.#machine.kernel.announce(effect.frames);
        break;
      case 'mute-misses':
        this.#machine.kernel.muteMisses();
        break;
      case 'find-idle':
        this.#after(0.2, 3, async () => {
          const rows = await this.#machine.kernel.idleRows(effect.overlays, effect.idleMs);
          this.dispatch({ event: 'found-idle', rows });
        });
        break;
      case 'seek-end': {
        const { endpoint, port, path } = effect;
        this.#after(0.2, 3, async () => {
          const found = await this.#machine.kernel.findEnd(port, path);
          if (found)
            this.#world.count('interface' in found ? 'moved interface found' : 'moved interface lost');
          this.dispatch({ event: 'end-sought', endpoint, found });
        });
        break;
      }
      case 'unplug':
        this.#unplug(effect);
        break;
      case 'call-resolver':
        callResolver(this.#world, this.#machine, this);
        break;
      case 'tell-names':
        this.#machine.resolver?.tellNames(this.#world, this.#machine, this.state.view, effect.ids);
        break;
      case 'tell-sandboxes':
        if (this.#machine.resolver) this.#machine.resolver.sandboxes = effect.sandboxes;
        break;
      case 'tell-current':
        if (this.#machine.resolver) this.#machine.resolver.isCurrent = effect.isCurrent;
        break;
      case 'report-status': {
        this.#machine.applied = Math.max(this.#machine.applied, effect.status.appliedRevision);
        this.#when(this.#uplink.reportStatus(effect.status), () => {});
        break;
      }
      case 'answer':
        this.#world.note(name, () => `answers ${effect.request}`);
        this.#answer(effect.request, effect.answer);
        break;
      default:
        effect satisfies never;
    }
  }

  /** Who asked acts on it when all else of this step has been done. */
  #answer(request: number, answer: Answer | Rejection): void {
    const done = this.#asked.get(request);
    this.#asked.delete(request);
    if (done) this.#world.timeline.after(0, () => done(answer));
  }

  #askController(effect: Extract<AgentEffect, { effect: AskingEffect }>): void {
    const uplink = this.#uplink;
    this.#world.note(this.#machine.name, () => describe(effect));
    switch (effect.effect) {
      case 'ask-attach':
      case 'ask-hold': {
        const event = effect.effect === 'ask-attach' ? 'attach-granted' : 'hold-granted';
        const { request } = effect;
        this.#when(uplink.attach(effect.wish), (grant) => this.dispatch({ event, request, grant }));
        break;
      }
      case 'publish': {
        const { id, generation } = effect.endpoint;
        this.#when(uplink.publish(effect.endpoint), (outcome) =>
          this.dispatch({ event: 'published', endpoint: id, generation, outcome }),
        );
        break;
      }
      case 'ask-blocks': {
        const { network } = effect.wish;
        this.#when(uplink.acquireBlocks(effect.wish), () =>
          this.dispatch({ event: 'blocks-acquired', network }),
        );
        break;
      }
      case 'ask-return': {
        const { network } = effect;
        this.#when(uplink.returnBlocks(network, this.#machine.name), (outcome) =>
          this.dispatch({ event: 'blocks-returned', network, outcome }),
        );
        break;
      }
      case 'publish-stations': {
        const { adoption, stations } = effect;
        this.#when(uplink.publishStations(adoption, stations), (outcome) =>
          this.dispatch({ event: 'stations-published', adoption, outcome }),
        );
        break;
      }
      case 'ask-detach': {
        const { endpoint } = effect.wish;
        this.#when(uplink.detach(effect.wish), (refused) =>
          this.dispatch({ event: 'detach-granted', endpoint, refused }),
        );
      }
    }
  }

  /** Who is dead says nothing any more. */
  get #carrier(): Carrier {
    const { wire } = this.#machine;
    const nothing = () => {};
    return {
      call: (...words) => (this.isAlive ? wire.call(...words) : nothing),
      follow: (...words) => (this.isAlive ? wire.follow(...words) : nothing),
    };
  }

  /** What goes wrong with what nobody awaits ends the run. */
  #when<T>(promise: Promise<T>, then: (value: T) => void): void {
    const { timeline } = this.#world;
    promise.then(then).catch((error) => timeline.fail(error));
    timeline.awaitPromises();
  }

  #journal(key: string, entry: JournalEntry | undefined, tellWritten?: true): void {
    const done = (written: boolean) =>
      this.dispatch(
        written ? { event: 'journaled', key, entry } : { event: 'journal-failed', key, rejection: DISK_FULL },
      );
    const appended = tellWritten && (() => this.dispatch({ event: 'journal-written', key }));
    this.#machine.disk.write(key, entry, done, appended);
  }

  /** What is seen is already a little old when it is told. */
  async #observe(scope: Extract<AgentEffect, { effect: 'observe' }>['scope']): Promise<void> {
    if (!this.isAlive) return;
    const state = await this.#machine.kernel.observe(scope);
    const fails = this.#machine.failsToLook();
    this.#after(0.1, this.#world.random.chance(0.1) ? 100 : 3, () =>
      this.dispatch(fails ? { event: 'observe-failed', text: 'interrupted' } : { event: 'observed', state }),
    );
  }

  /** One list after the other, each at once. */
  #write(write: Write, done: (results: OpResult[]) => void): void {
    const { timeline, random } = this.#world;
    this.#machine.rows.learn(this.state.view);
    checkOps(this.#world, this.#machine, this, write.ops);
    this.#writing.push(write);
    const atMs = timeline.nowMs + random.between(0.2, random.chance(0.1) ? 300 : 5);
    this.#lastWriteMs = Math.max(this.#lastWriteMs, atMs);
    timeline.at(this.#lastWriteMs, async () => {
      if (!this.isAlive) return;
      this.#writing.shift();
      const results = await this.#machine.apply(write.ops, write.scope);
      this.#after(0, 2, () => done(results));
    });
  }

  /** After what was begun before, and beside all that comes after. */
  #unplug({ endpoints, ops, scope }: Extract<AgentEffect, { effect: 'unplug' }>): void {
    const { timeline, random } = this.#world;
    checkOps(this.#world, this.#machine, this, ops);
    timeline.at(
      Math.max(this.#lastWriteMs, timeline.nowMs + random.between(1, random.chance(0.1) ? 300 : 50)),
      async () => {
        if (!this.isAlive) return;
        const results = await this.#machine.kernel.apply(ops, scope);
        this.#after(0, 2, () => this.dispatch({ event: 'unplugged', endpoints, results }));
      },
    );
  }

  #hearKernel(change: KernelEvent): void {
    this.#changes.push(change);
    if (this.#changes.length > 1) return;
    this.#after(0, 10, () => {
      const changes = this.#changes;
      this.#changes = [];
      this.dispatch({ event: 'kernel-changed', changes });
    });
  }

  #connect(afterMs: number): void {
    this.#world.timeline.after(afterMs, () => {
      if (this.isAlive) this.#when(this.#beginSession(), () => {});
    });
  }

  /** As agent/engine.ts does. */
  async #beginSession(): Promise<void> {
    const { name, id, words } = this.#machine;
    this.#world.timeline.awaitPromises();
    let reason = 'ended';
    try {
      await this.#uplink.register(id, words);
      await this.#uplink.follow(name, (message) => this.#hear(message));
    } catch (error) {
      reason = (error as Error).message;
    }
    this.dispatch({ event: 'disconnected', reason });
  }

  /** A violation is none of the wire's. */
  #hear(message: FollowMessage): void {
    try {
      this.dispatch({ event: 'heard', message });
      if (message.message === 'snapshot') this.isConfirmed = true;
      if (this.isAlive) checkHeard(this.#world, this.#machine, this.state, message);
    } catch (error) {
      this.#world.timeline.fail(error);
    }
  }

  #after(lowMs: number, highMs: number, run: () => void | Promise<void>): void {
    const { timeline, random } = this.#world;
    timeline.after(random.between(lowMs, highMs), run);
  }

  #tick(): void {
    this.#world.timeline.after(TICK_INTERVAL_MS, () => {
      if (!this.isAlive) return;
      this.dispatch({ event: 'tick' });
      this.#tick();
    });
  }
}

const describe = (effect: Extract<AgentEffect, { effect: AskingEffect }>): string =>
  effect.effect === 'publish'
    ? `publishes ${effect.endpoint.id} generation ${effect.endpoint.generation}`
    : `${effect.effect} ${'wish' in effect && 'endpoint' in effect.wish ? effect.wish.endpoint : ''}`;
