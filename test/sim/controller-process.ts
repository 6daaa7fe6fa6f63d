import type { FollowMessage } from '#api/follow-message.ts';
import type { Principal } from '#api/principal.ts';
import type { ControllerEffect, ControllerEvent, Granted } from '#controller/event.ts';
import type { ControllerState } from '#controller/state.ts';
import { POOLS } from '#intent/test-world.ts';
import { fault, type Rejection, reject } from '#model/fault.ts';
import type { Wish } from '#model/wish.ts';
import { Fuse } from './fuse.ts';
import { EPOCH_MS, type World } from './world.ts';

export type Reply = (answer: Granted | Rejection) => void;

export interface Follower {
  send(message: FollowMessage): void;
  end(): void;
}

/** controller/main.ts */
const BEAT_INTERVAL_MS = 3_000;
const STORE_FULL = reject('unavailable', fault('store', 'full', 'no room on the disk', 'make room'));

/** The controller's core with a store, as controller/engine.ts runs it; it can be killed between any two effects. */
export class ControllerProcess {
  readonly fuse = new Fuse();
  readonly name: string;
  /** Undefined while it is down. */
  state: ControllerState | undefined;
  /** The log has been compacted: who watches it must read everything anew. */
  isTooOld = false;
  #life = 0;
  #fedUpTo = 0;
  #isFeeding = false;
  #lastNumber = 0;
  readonly #asked = new Map<number, Reply>();
  readonly #followers = new Map<number, Follower>();
  #onTheWay: Extract<ControllerEffect, { effect: 'commit' }> | undefined;
  readonly #world: World;
  readonly #onDeath: () => void;

  constructor(world: World, name: string, onDeath: () => void) {
    this.#world = world;
    this.name = name;
    this.#onDeath = onDeath;
  }

  async start(): Promise<void> {
    if (this.state) return;
    const { cores, store } = this.#world;
    const { records, revision } = await store.read();
    this.state = cores.createControllerState(new cores.Snapshot(records, revision), POOLS);
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

  /** Never answered if it is killed meanwhile. */
  ask(principal: Principal, wish: Wish, reply: Reply): void {
    const request = ++this.#lastNumber;
    this.#asked.set(request, reply);
    this.dispatch({ event: 'wished', petition: { request, principal, wish } });
  }

  /** Returns the way to end it. */
  follow(principal: Principal, host: string, follower: Follower): () => void {
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
    const { cores, timeline, random } = this.#world;
    const chance = { now: EPOCH_MS + timeline.nowMs, entropy: (count: number) => random.bytes(count) };
    for (const effect of cores.stepController(this.state, event, chance)) {
      const burns = this.fuse.burn(effect.effect);
      if (burns !== 'before') this.#perform(effect);
      if (burns) {
        this.crash();
        return;
      }
    }
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
    switch (effect.effect) {
      case 'answer':
        this.#asked.get(effect.request)?.(effect.answer);
        this.#asked.delete(effect.request);
        return;
      case 'send':
        this.#followers.get(effect.session)?.send(effect.message);
        return;
      case 'end-session':
        this.#followers.get(effect.session)?.end();
        return;
      case 'commit':
        this.#commit(effect);
        return;
      case 'keep-status':
        return;
      default:
        effect satisfies never;
    }
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
