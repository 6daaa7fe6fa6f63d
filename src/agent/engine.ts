import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';
import type { HoldAsk } from '#api/door.ts';
import { rejectionFromError } from '#api/rejection.ts';
import type { Kernel, KernelEvent, Scope } from '#kernel/kernel.ts';
import type { Rejection } from '#model/fault.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import type { Change, Publication, Revision } from '#model/records.ts';
import type { Survey, SurveyAsk } from '#model/survey.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import type { Journal } from '#store/journal.ts';
import type { JournalEntry } from './attachment.ts';
import { step } from './core.ts';
import { findEndpoints } from './detach.ts';
import type { AgentEffect, AgentEvent, Answer, AttachAsk, DetachAsk, DoorHandle, Moment } from './event.ts';
import type { AgentMetrics } from './metrics.ts';
import { ResolverLink, type ResolverLinkParts } from './resolver-link.ts';
import type { AgentState, PortHolders } from './state.ts';
import { HostTeller, type HostTellerParts } from './tell-host.ts';
import type { Uplink } from './uplink.ts';
import type { ViewFile } from './view-file.ts';
import { writeJournal } from './write-journal.ts';

const TICK_INTERVAL_MS = 500;
/** What changes in the kernel is told together, this long after the first of it. */
const GATHER_MS = 5;
/** Where the tunnels end can change without anybody's word, by DHCP for one. */
const WORDS_INTERVAL_MS = 2_000;
/** Of more it is only told that there were many. */
const MOST_CHANGES = 1_000;

/** What the core's effects are done with. */
export interface AgentParts extends Omit<HostTellerParts, 'host' | 'uplink' | 'nowMs' | 'notice'> {
  readonly kernel: Kernel;
  readonly metrics: AgentMetrics;
  readonly journal: Journal<JournalEntry>;
  readonly uplink: Uplink;
  /** Keeps the view, and says up to which revision it did. */
  readonly viewFile: (onKept: (revision: Revision) => void) => ViewFile;
  /** Looks around adopted bridges. */
  readonly survey: (ask: SurveyAsk) => Promise<Survey>;
  readonly portHolders: (publications: readonly Publication[]) => Promise<PortHolders['holders']>;
  readonly moment: () => Moment;
  readonly resolver: Pick<ResolverLinkParts, 'socket' | 'command'>;
  readonly log: Logger;
}

/** Does what the agent's core asks for, and tells it what came of it. */
export class Engine {
  readonly state: AgentState;
  private readonly parts: AgentParts;
  private readonly viewFile: ViewFile;
  private readonly resolver: ResolverLink;
  private readonly teller: HostTeller;
  private readonly asked = new Map<number, (answer: Answer | Rejection) => void>();
  private changes: KernelEvent[] = [];
  private applying: Promise<void> = Promise.resolve();
  private readonly networkWatchers = new Set<() => void>();
  private lastRequest = 0;
  private stopped = false;
  private isTelling = false;
  private stops: (() => void)[] = [];

  constructor(state: AgentState, parts: AgentParts) {
    this.state = state;
    this.parts = parts;
    this.resolver = new ResolverLink({
      ...parts.resolver,
      log: parts.log,
      dispatch: (event) => this.dispatch(event),
    });
    this.teller = new HostTeller({
      ...parts,
      host: state.host,
      nowMs: () => parts.moment().nowMs,
      notice: (notices) => this.dispatch({ event: 'host-noticed', notices }),
    });
    this.viewFile = parts.viewFile((revision) => this.dispatch({ event: 'view-kept', revision }));
  }

  start(): void {
    const tick = setInterval(() => this.dispatch({ event: 'tick' }), TICK_INTERVAL_MS);
    this.stops.push(() => clearInterval(tick));
    this.parts.kernel.watchMisses((misses) => this.dispatch({ event: 'missed', misses }));
    this.parts.kernel.watchClaims((claims) => this.dispatch({ event: 'claimed', claims }));
    this.stops.push(this.parts.kernel.watch((change) => this.noteKernelChange(change)));
    const look = setInterval(() => void this.tellHost(), WORDS_INTERVAL_MS);
    this.stops.push(() => clearInterval(look));
    void this.connect(0);
  }

  /** One attach makes dozens of events: the core hears of them together. */
  private noteKernelChange(change: KernelEvent): void {
    this.changes.push(change);
    if (this.changes.length > MOST_CHANGES) this.changes = [{ dirty: 'all' }];
    else if (this.changes.length === 1) setTimeout(() => this.tellKernelChanges(), GATHER_MS);
  }

  private tellKernelChanges(): void {
    const changes = this.changes;
    this.changes = [];
    this.dispatch({ event: 'kernel-changed', changes });
  }

  /** Leaves the data plane as it is. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const stop of this.stops) stop();
    this.parts.uplink.disconnect('the agent stops');
    this.resolver.close();
    await this.viewFile.close();
  }

  attach(ask: AttachAsk): Promise<Answer | Rejection> {
    return this.request((request) => ({ event: 'asked-attach', request, ask }));
  }

  detach(ask: DetachAsk): Promise<Answer | Rejection> {
    return this.request((request) => ({ event: 'asked-detach', request, ask }));
  }

  hold(ask: HoldAsk): Promise<Answer | Rejection> {
    return this.request((request) => ({ event: 'asked-hold', request, ask }));
  }

  noteSandbox(door: DoorHandle, sandboxPath: string): Promise<Answer | Rejection> {
    return this.request((request) => ({ event: 'moving', request, door, sandboxPath }));
  }

  /** Calls back when the networks that are heard of may be others, and when the controller comes or goes. */
  watchNetworks(onChange: () => void): () => void {
    const watcher = () => onChange();
    this.networkWatchers.add(watcher);
    return () => void this.networkWatchers.delete(watcher);
  }

  findEndpoints(ask: DetachAsk): ReturnType<typeof findEndpoints> {
    return findEndpoints(this.state, ask);
  }

  reset(): Promise<Answer | Rejection> {
    return this.request((request) => ({ event: 'asked-reset', request }));
  }

  dispatch(event: AgentEvent): void {
    if (this.stopped) return;
    for (const effect of step(this.state, event, this.parts.moment())) this.perform(effect);
    if (mayChangeNetworks(event)) for (const watcher of [...this.networkWatchers]) watcher();
  }

  private request(eventOf: (request: number) => AgentEvent): Promise<Answer | Rejection> {
    const request = ++this.lastRequest;
    return new Promise((resolve) => {
      this.asked.set(request, resolve);
      this.dispatch(eventOf(request));
    });
  }

  private perform(effect: AgentEffect): void {
    const { uplink } = this.parts;
    switch (effect.effect) {
      case 'connect':
        void this.connect(effect.afterMs);
        return;
      case 'disconnect':
        uplink.disconnect(effect.reason);
        return;
      case 'ask-attach':
        void uplink
          .attach(effect.wish)
          .then((grant) => this.dispatch({ event: 'attach-granted', request: effect.request, grant }));
        return;
      case 'ask-hold':
        void uplink
          .attach(effect.wish)
          .then((grant) => this.dispatch({ event: 'hold-granted', request: effect.request, grant }));
        return;
      case 'seek-end':
        void this.seekEnd(effect);
        return;
      case 'publish': {
        const { id, generation } = effect.endpoint;
        void uplink
          .publish(effect.endpoint)
          .then((outcome) => this.dispatch({ event: 'published', endpoint: id, generation, outcome }));
        return;
      }
      case 'ask-detach':
        void uplink
          .detach(effect.wish)
          .then((refused) =>
            this.dispatch({ event: 'detach-granted', endpoint: effect.wish.endpoint, refused }),
          );
        return;
      case 'ask-blocks': {
        const { network } = effect.wish;
        void uplink
          .acquireBlocks(effect.wish)
          .then(() => this.dispatch({ event: 'blocks-acquired', network }));
        return;
      }
      case 'ask-return':
        void uplink
          .returnBlocks(effect.network, this.state.name)
          .then((outcome) => this.dispatch({ event: 'blocks-returned', network: effect.network, outcome }));
        return;
      case 'publish-stations': {
        const { adoption, stations } = effect;
        void uplink
          .publishStations(adoption, stations)
          .then((outcome) => this.dispatch({ event: 'stations-published', adoption, outcome }));
        return;
      }
      case 'survey':
        void this.parts.survey(effect).then((survey) => this.dispatch({ event: 'surveyed', survey }));
        return;
      case 'find-port-holders':
        void this.parts
          .portHolders(effect.publications)
          .then((holders) => this.dispatch({ event: 'port-holders-found', holders }));
        return;
      case 'journal-put':
      case 'journal-delete':
        void writeJournal(this.parts, effect, (event) => this.dispatch(event));
        return;
      case 'keep-view':
        this.viewFile.keepSoon();
        return;
      case 'observe':
        void this.observe(effect.scope);
        return;
      case 'wake':
        this.wakeAt(this.parts.moment().nowMs + effect.afterMs);
        return;
      case 'apply':
        void this.apply(effect.ops, effect.scope).then((results) =>
          this.dispatch({ event: 'applied', results }),
        );
        return;
      case 'shortcut': {
        const { ops, scope, purpose } = effect;
        void this.apply(ops, scope).then((results) => {
          this.dispatch({ event: 'shortcut-ended', purpose, results });
          // One that waits for the disk alone; of many, others can go on meanwhile.
          if (purpose.request !== undefined && this.asked.size === 1) this.parts.journal.hurry();
        });
        return;
      }
      case 'send-frames':
        for (const { to, frame } of effect.frames) this.parts.kernel.sendFrame(to, frame);
        return;
      case 'announce':
        this.parts.kernel.announce(effect.frames);
        return;
      case 'mute-misses':
        this.parts.kernel.muteMisses(effect.source, effect.forMs);
        return;
      case 'find-idle':
        void this.findIdle(effect.overlays, effect.idleMs);
        return;
      case 'unplug': {
        const { ops, scope, endpoints } = effect;
        // After what was begun before, but nothing waits for it.
        void this.applying
          .then(() => this.parts.kernel.apply(ops, scope))
          .then((results) => this.dispatch({ event: 'unplugged', endpoints, results }));
        return;
      }
      case 'call-resolver':
        void this.resolver.call();
        return;
      case 'tell-names':
        this.resolver.tellNames(this.state.view, effect.ids);
        return;
      case 'tell-sandboxes':
        this.resolver.tell({ say: 'sandboxes', sandboxes: effect.sandboxes });
        return;
      case 'tell-current':
        this.resolver.tell({ say: 'current', isCurrent: effect.isCurrent });
        return;
      case 'report-status':
        void uplink.reportStatus(effect.status);
        return;
      case 'answer':
        this.asked.get(effect.request)?.(effect.answer);
        this.asked.delete(effect.request);
    }
  }

  /** Not before: a timer of Node's can come some milliseconds early, as it counts from when the loop's turn began. */
  private wakeAt(dueMs: number): void {
    const leftMs = () => dueMs - this.parts.moment().nowMs;
    const wake = () => (leftMs() > 0 ? this.wakeAt(dueMs) : this.dispatch({ event: 'tick' }));
    setTimeout(wake, leftMs()).unref();
  }

  private async observe(scope: Extract<AgentEffect, { effect: 'observe' }>['scope']): Promise<void> {
    // What this moment's events ask of the kernel, and their answers, go first.
    await nextTurn();
    try {
      const { kernel, metrics } = this.parts;
      const state = await metrics.timeLook(scope, () => kernel.observe(scope));
      this.dispatch({ event: 'observed', state });
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      this.parts.log.error({ error: error.message }, 'cannot look at the kernel');
      this.dispatch({ event: 'observe-failed', text: error.message });
    }
  }

  private async seekEnd({
    endpoint,
    port,
    path,
  }: Extract<AgentEffect, { effect: 'seek-end' }>): Promise<void> {
    let found: Awaited<ReturnType<Kernel['findEnd']>>;
    try {
      found = await this.parts.kernel.findEnd(port, path);
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      this.parts.log.warn({ error: error.message, path }, 'cannot look into a container');
    }
    this.dispatch({ event: 'end-sought', endpoint, found });
  }

  private async findIdle(overlays: readonly NamespaceName[], idleMs: number): Promise<void> {
    try {
      const rows = await this.parts.kernel.idleRows(overlays, idleMs);
      this.dispatch({ event: 'found-idle', rows });
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      this.parts.log.warn({ error: error.message }, 'cannot look for idle rows');
    }
  }

  /** One list of ops after the other, in the order in which the core decided on them. */
  private apply(ops: readonly KernelOp[], scope: Scope): Promise<OpResult[]> {
    const results = this.applying.then(() => this.parts.kernel.apply(ops, scope));
    this.applying = results.then((all) => {
      this.parts.metrics.countOps(all);
      for (const result of all)
        if (!result.ok) this.parts.log.warn({ ...result.error }, 'the kernel refused');
      this.parts.log.debug({ ops: ops.length }, 'applied');
    });
    return results.then((all) => this.settle(all, scope));
  }

  /** Who waits for these results is to find them in effect; what comes after need not wait for that. */
  private async settle(results: OpResult[], scope: Scope): Promise<OpResult[]> {
    const late = results.flatMap((result) => (result.ok && result.late ? result.op : []));
    if (late.length > 0) await this.parts.kernel.settle(late, scope);
    return results;
  }

  /** Registers, then follows until the session breaks; what to do then is the core's decision. */
  private async connect(afterMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (this.stopped) return;
    const { uplink, log } = this.parts;
    try {
      const { host, name } = this.state;
      await this.teller.register();
      log.info({ host: name, id: host }, 'registered');
      await uplink.follow(this.state.name, (message) => this.dispatch({ event: 'heard', message }));
      this.dispatch({ event: 'disconnected', reason: 'the controller ended the session' });
    } catch (error) {
      if (this.stopped) return;
      const reason = ConnectError.from(error).rawMessage;
      log.warn({ reason }, 'no session with the controller');
      this.dispatch({ event: 'disconnected', reason, refusal: rejectionFromError(error) });
    }
  }

  /** One at a time: the controller's name is looked up for it, which takes long where nobody answers. */
  private async tellHost(): Promise<void> {
    if (this.isTelling) return;
    this.isTelling = true;
    await this.teller.look(this.state.session.connected);
    this.isTelling = false;
  }
}

function mayChangeNetworks(event: AgentEvent): boolean {
  if (event.event !== 'heard') return event.event === 'disconnected';
  const { message } = event;
  if (message.message !== 'delta') return message.message === 'snapshot';
  const kindOf = (change: Change) => (change.verb === 'put' ? change.record.kind : change.ref.kind);
  return (
    message.forgottenNetworks.length > 0 || message.changes.some((change) => kindOf(change) === 'network')
  );
}
