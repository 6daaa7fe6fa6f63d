import type { Logger } from 'pino';
import type { FollowMessage } from '#api/follow-message.ts';
import type { Principal } from '#api/principal.ts';
import { admit } from '#intent/admit.ts';
import type { Chance } from '#intent/admitted.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Wish } from '#model/wish.ts';
import type { Store } from '#store/store.ts';
import { StoreError } from '#store/store-error.ts';
import { authorize } from './authorize.ts';
import { step } from './core.ts';
import { refuseLeavingBehind } from './drive-changes.ts';
import type { ControllerEffect, ControllerEvent, Granted } from './event.ts';
import { withOwnEndpoints } from './preview.ts';
import { statusKey } from './read-statuses.ts';
import { silentMs } from './silence.ts';
import type { ControllerState } from './state.ts';

/** Each host reports every 5 s, and tells what it attached until that is taken: what fails does so again and again. */
const TROUBLE_MS = 10_000;

export interface Clocks {
  /** What is waited for is measured by it: it never jumps. */
  readonly chance: () => Chance;
  /** For people, and for who reads it after a restart. */
  readonly wallMs: () => number;
}

/** Where a session's messages go. */
export interface Follower {
  send(message: FollowMessage): void;
  end(rejection: Rejection): void;
}

/** Does what the core asks for, and tells it what came of it: the only place where core, store and clock meet. */
export class Engine {
  private readonly state: ControllerState;
  private readonly store: Pick<Store, 'commit' | 'putStatus'>;
  private readonly chance: () => Chance;
  private readonly wallMs: () => number;
  private readonly log: Logger;
  private readonly asked = new Map<number, (answer: Granted | Rejection) => void>();
  private readonly followers = new Map<number, Follower>();
  private lastNumber = 0;
  private trouble: { readonly error: StoreError; readonly atMs: number } | undefined;

  constructor(
    state: ControllerState,
    store: Pick<Store, 'commit' | 'putStatus'>,
    { chance, wallMs }: Clocks,
    log: Logger,
  ) {
    this.state = state;
    this.store = store;
    this.chance = chance;
    this.wallMs = wallMs;
    this.log = log;
  }

  /** Read-only look at what is committed. */
  get pools(): ControllerState['pools'] {
    return this.state.pools;
  }

  get snapshot(): ControllerState['snapshot'] {
    return this.state.snapshot;
  }

  /** Why the store could not be written, if that is so now. */
  get storeTrouble(): StoreError | undefined {
    const { error, atMs } = this.trouble ?? {};
    return atMs !== undefined && this.chance().now - atMs < TROUBLE_MS ? error : undefined;
  }

  /** Answered once the wish is committed, or refused. */
  ask(principal: Principal, wish: Wish): Promise<Granted | Rejection> {
    const request = ++this.lastNumber;
    return new Promise((resolve) => {
      this.asked.set(request, resolve);
      this.dispatch({ event: 'wished', petition: { request, principal, wish } });
    });
  }

  /** What would come of it now. */
  preview(principal: Principal, wish: Wish): Granted | Rejection {
    const { snapshot, pools } = this.state;
    const answer =
      authorize(principal, wish, snapshot) ??
      refuseLeavingBehind(this.state, wish, admit(wish, snapshot, this.chance(), { pools }));
    if (isRejection(answer)) return answer;
    const changes = withOwnEndpoints(snapshot, answer.changes, this.chance());
    return { ...answer, changes, revision: snapshot.revision };
  }

  /** Begins a session; returns the way to end it. */
  follow(principal: Principal, host: string, follower: Follower): () => void {
    const session = ++this.lastNumber;
    this.followers.set(session, follower);
    this.dispatch({ event: 'follow-began', session, principal, host });
    return () => {
      this.followers.delete(session);
      this.dispatch({ event: 'follow-ended', session });
    };
  }

  isFollowed(host: string): boolean {
    return [...this.state.sessions.values()].some((session) => session.host === host);
  }

  /** 0 unless the host follows and is silent for longer than it should be. */
  silentMs(host: Id): number {
    return this.isFollowed(host) ? silentMs(this.state, host, this.chance().now) : 0;
  }

  reportStatus(status: HostStatus): void {
    this.dispatch({ event: 'status-reported', status });
  }

  dispatch(event: ControllerEvent): void {
    for (const effect of step(this.state, event, this.chance())) this.perform(effect);
  }

  private perform(effect: ControllerEffect): void {
    switch (effect.effect) {
      case 'answer':
        this.asked.get(effect.request)?.(effect.answer);
        this.asked.delete(effect.request);
        if (isRejection(effect.answer)) this.log.debug({ faults: effect.answer.faults }, 'refused a wish');
        return;
      case 'send':
        this.followers.get(effect.session)?.send(effect.message);
        return;
      case 'end-session':
        this.followers.get(effect.session)?.end(effect.rejection);
        return;
      case 'commit':
        this.store.commit(effect.changes, effect.expected).then(
          (outcome) => this.dispatch({ event: 'commit-ended', outcome }),
          (error) => this.dispatch({ event: 'commit-failed', rejection: this.storeRejection(error) }),
        );
        return;
      case 'keep-status':
        this.keepStatus(effect.status);
    }
  }

  /** Status is soft: if it cannot be kept now, the next report comes soon. */
  private keepStatus(status: HostStatus): void {
    const value = { status, reportedAtMs: this.wallMs() };
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    this.store.putStatus(statusKey(status.host), bytes).catch((error) => {
      this.noteTrouble(error);
      this.log.warn({ error: String(error) }, 'could not keep a status');
    });
  }

  private noteTrouble(error: unknown): void {
    if (error instanceof StoreError) this.trouble = { error, atMs: this.chance().now };
  }

  private storeRejection(error: unknown): Rejection {
    if (!(error instanceof StoreError)) throw error;
    this.noteTrouble(error);
    this.log.error({ code: error.code, next: error.next }, error.message);
    return reject('unavailable', fault('store', error.code, error.message, error.next));
  }
}
