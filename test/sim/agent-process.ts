import type { Attachment, JournalEntry } from '#agent/attachment.ts';
import type { AgentEffect, AgentEvent, Answer, AttachAsk, DetachAsk, DoorHandle } from '#agent/event.ts';
import type { AgentState } from '#agent/state.ts';
import type { HoldAsk } from '#api/door.ts';
import type { KernelEvent } from '#kernel/kernel.ts';
import { fault, type Rejection, reject } from '#model/fault.ts';
import { type OpResult, singleOps } from '#model/kernel-op.ts';
import { checkOps } from './agent-checks.ts';
import { AgentSession } from './agent-session.ts';
import { Fuse } from './fuse.ts';
import type { Machine } from './machine.ts';
import { callResolver } from './resolver-process.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** `lost`: the agent was killed before it answered. */
export type Outcome = Answer | Rejection | 'lost';

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
  readonly #session: AgentSession;
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
    this.#session = new AgentSession(world, machine, this);
    machine.kernel.watchMisses((misses) => this.dispatch({ event: 'missed', misses }));
    machine.kernel.watchClaims((claims) => this.dispatch({ event: 'claimed', claims }));
    this.#unwatch = machine.kernel.watch((change) => this.#hearKernel(change));
    this.#tick();
    this.#session.connect(0);
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
        this.#session.connect(effect.afterMs);
        break;
      case 'disconnect':
        this.#session.disconnect(effect.reason);
        break;
      case 'ask-attach':
      case 'ask-hold':
      case 'publish':
      case 'ask-blocks':
      case 'ask-return':
      case 'publish-stations':
      case 'ask-detach':
        this.#session.ask(effect);
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
        this.#session.reportStatus(effect.status);
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
