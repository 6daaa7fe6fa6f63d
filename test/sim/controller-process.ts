import type { Principal } from '#api/principal.ts';
import type { Engine, Follower } from '#controller/engine.ts';
import type { ControllerEffect, ControllerEvent, Granted } from '#controller/event.ts';
import type { ControllerState } from '#controller/state.ts';
import { POOLS } from '#intent/test-world.ts';
import { fault, type Rejection, reject } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Wish } from '#model/wish.ts';
import { Clock } from './clock.ts';
import type { Cores } from './cores.ts';
import type { Answer, Service } from './ends.ts';
import { Fuse } from './fuse.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Where a stream's messages go. */
export interface Listener {
  send(message: Uint8Array): void;
  end(): void;
}

/** controller/main.ts */
const BEAT_INTERVAL_MS = 3_000;
const STORE_FULL = reject('unavailable', fault('store', 'full', 'no room on the disk', 'make room'));

/** The controller's core with a store, as controller/engine.ts runs it; it can be killed between any two effects. */
export class ControllerProcess {
  readonly fuse = new Fuse();
  readonly name: string;
  readonly clock: Clock;
  /** Undefined while it is down. */
  state: ControllerState | undefined;
  /** The log has been compacted: who watches it must read everything anew. */
  isTooOld = false;
  /** Its steady clock is the wall's at its start, and what has passed since (controller/main.ts). */
  #steadyFromMs = 0;
  #life = 0;
  #service!: Service;
  #fedUpTo = 0;
  #isFeeding = false;
  #lastNumber = 0;
  readonly #asked = new Map<number, (answer: Granted | Rejection) => void>();
  readonly #followers = new Map<number, Follower>();
  #onTheWay: Extract<ControllerEffect, { effect: 'commit' }> | undefined;
  readonly #world: World;
  readonly #onDeath: () => void;

  constructor(world: World, name: string, onDeath: () => void) {
    this.#world = world;
    this.name = name;
    this.clock = new Clock(world.timeline);
    this.#onDeath = onDeath;
  }

  async start(): Promise<void> {
    if (this.state) return;
    const { cores, store, timeline } = this.#world;
    this.#steadyFromMs = this.clock.wallMs - timeline.nowMs;
    const { records, revision } = await store.read();
    const statuses = await cores.readStatuses(store.statuses);
    const snapshot = new cores.Snapshot(records, revision);
    // Agents follow one of the two alone.
    if (this === this.#world.controller)
      snapshot.lives = await cores.beginLife(store.statuses, revision, this.#chance);
    this.state = cores.createControllerState(snapshot, POOLS);
    for (const { status } of statuses)
      if (this.state.snapshot.hosts.has(status.host)) this.state.statuses.set(status.host, status);
    this.#service = cores.openService(this.#engine, store.statuses, ({ message }) =>
      this.#world.timeline.fail(new Violation('what one end says the other understands', message)),
    );
    this.#fedUpTo = revision;
    this.isTooOld = false;
    this.#tick(++this.#life);
    this.feed();
  }

  /** What it had asked the store for may be kept all the same. */
  crash(): void {
    if (!this.state) return;
    const { timeline, random, store, count, note } = this.#world;
    note(this.name, () => 'is killed');
    count('controller crash');
    this.state = undefined;
    this.#life++;
    this.#isFeeding = false;
    const commit = this.#onTheWay;
    this.#onTheWay = undefined;
    this.#asked.clear();
    this.#followers.clear();
    if (commit && !this.#isStoreFull && random.chance(0.5))
      timeline.after(0, async () => void (await store.commit(commit.changes, commit.expected)));
    this.#onDeath();
    timeline.after(random.between(100, 4_000), () => this.start());
  }

  get cores(): Cores {
    return this.#world.cores;
  }

  /** Never answered if it is killed meanwhile. */
  answer(principal: Principal, method: string, request: Uint8Array, reply: (answer: Answer) => void): void {
    const { timeline } = this.#world;
    this.#service.answer(principal, method, request).then(reply, (error) => timeline.fail(error));
    timeline.awaitPromises();
  }

  /** Returns the way to end it. */
  follow(principal: Principal, request: Uint8Array, listener: Listener): () => void {
    const { timeline } = this.#world;
    const life = this.#life;
    const gone = new AbortController();
    const serve = async () => {
      try {
        for await (const message of this.#service.follow(principal, request, gone.signal))
          listener.send(message);
      } catch (error) {
        if ((error as Error).name !== 'ConnectError') timeline.fail(error);
      }
      if (life === this.#life && !gone.signal.aborted) listener.end();
    };
    serve().catch((error) => timeline.fail(error));
    timeline.awaitPromises();
    return () => {
      gone.abort();
      timeline.awaitPromises();
    };
  }

  ask(principal: Principal, wish: Wish): Promise<Granted | Rejection> {
    const request = ++this.#lastNumber;
    return new Promise((resolve) => {
      this.#asked.set(request, resolve);
      this.dispatch({ event: 'wished', petition: { request, principal, wish } });
    });
  }

  /** What the service asks for. */
  get #engine(): Engine {
    const engine = {
      ask: (principal: Principal, wish: Wish) => this.ask(principal, wish),
      follow: (principal: Principal, host: string, follower: Follower) =>
        this.#begin(principal, host, follower),
      reportStatus: (status: HostStatus) => this.dispatch({ event: 'status-reported', status }),
      snapshot: this.state!.snapshot,
    };
    return engine as unknown as Engine;
  }

  #begin(principal: Principal, host: string, follower: Follower): () => void {
    const session = ++this.#lastNumber;
    this.#followers.set(session, follower);
    const life = this.#life;
    this.dispatch({ event: 'follow-began', session, principal, host });
    return () => {
      if (life !== this.#life || !this.#followers.delete(session)) return;
      this.dispatch({ event: 'follow-ended', session });
    };
  }

  dispatch(event: ControllerEvent): void {
    if (!this.state) return;
    const { cores } = this.#world;
    for (const effect of cores.stepController(this.state, event, this.#chance)) {
      const burns = this.fuse.burn(effect.effect);
      if (burns !== 'before') this.#perform(effect);
      if (burns) {
        this.crash();
        return;
      }
    }
  }

  get #chance() {
    const { timeline, random } = this.#world;
    return { now: this.#steadyFromMs + timeline.nowMs, entropy: (count: number) => random.bytes(count) };
  }

  /** To be called when the store holds something new. */
  feed(): void {
    if (this.#isFeeding || !this.state) return;
    this.#isFeeding = true;
    const life = this.#life;
    const { timeline, random } = this.#world;
    timeline.after(random.between(0, 10), () => {
      if (life !== this.#life) return;
      this.#isFeeding = false;
      this.#feedOne();
    });
  }

  #feedOne(): void {
    const { store, count } = this.#world;
    if (this.isTooOld) {
      this.isTooOld = false;
      count('wipe');
      const { revision } = store.head;
      this.#fedUpTo = revision;
      this.dispatch({ event: 'fed', feed: { feed: 'wipe', revision, records: [...store.head.records()] } });
      return;
    }
    const batch = store.batchAfter(this.#fedUpTo);
    if (!batch) return;
    this.#fedUpTo = batch.revision;
    this.dispatch({ event: 'fed', feed: { feed: 'batch', batch } });
    this.feed();
  }

  #perform(effect: ControllerEffect): void {
    this.#world.timeline.awaitPromises();
    switch (effect.effect) {
      case 'answer':
        this.#asked.get(effect.request)?.(effect.answer);
        this.#asked.delete(effect.request);
        return;
      case 'send':
        this.#followers.get(effect.session)?.send(effect.message);
        return;
      case 'end-session':
        this.#followers.get(effect.session)?.end(effect.rejection);
        return;
      case 'commit':
        this.#commit(effect);
        return;
      case 'keep-status':
        this.#keepStatus(effect.status);
        return;
      default:
        effect satisfies never;
    }
  }

  #keepStatus(status: HostStatus): void {
    const { cores, store } = this.#world;
    const value = JSON.stringify({ status, reportedAtMs: this.clock.wallMs });
    void store.statuses.putStatus(cores.statusKey(status.host), new TextEncoder().encode(value));
  }

  #commit(commit: Extract<ControllerEffect, { effect: 'commit' }>): void {
    const { timeline, random, store, count } = this.#world;
    const life = this.#life;
    this.#onTheWay = commit;
    timeline.after(random.between(0.3, random.chance(0.05) ? 200 : 3), async () => {
      if (life !== this.#life) return;
      this.#onTheWay = undefined;
      if (this.#isStoreFull) {
        count('store full');
        this.dispatch({ event: 'commit-failed', rejection: STORE_FULL });
        return;
      }
      const outcome = await store.commit(commit.changes, commit.expected);
      if (outcome.outcome === 'conflict') count('commit conflict');
      timeline.after(random.between(0, 4), () => {
        if (life === this.#life) this.dispatch({ event: 'commit-ended', outcome });
      });
    });
  }

  get #isStoreFull(): boolean {
    return this.#world.timeline.nowMs < this.#world.store.fullUntilMs;
  }

  #tick(life: number): void {
    this.#world.timeline.after(BEAT_INTERVAL_MS, () => {
      if (life !== this.#life) return;
      this.dispatch({ event: 'tick' });
      this.#tick(life);
    });
  }
}
