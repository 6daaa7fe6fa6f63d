import type { FollowMessage } from '#api/follow-message.ts';
import type { Principal } from '#api/principal.ts';
import type { Chance } from '#intent/admitted.ts';
import { POOLS } from '#intent/test-world.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import { put, remove, type StoredRecord } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { seededRandom } from '#model/test-random.ts';
import type { Wish } from '#model/wish.ts';
import { step } from './core.ts';
import type { ControllerEffect, ControllerEvent, Granted } from './event.ts';
import { type ControllerState, createControllerState } from './state.ts';

export const OPERATOR: Principal = { role: 'operator', name: 'test' };

/** For tests: the core with a store that is a counter, and followers that are snapshots of their own. */
export class TestController {
  readonly state: ControllerState;
  readonly answers = new Map<number, Granted | Rejection>();
  /** What each session has been told, applied. */
  readonly replicas = new Map<number, Snapshot>();
  readonly ended = new Map<number, Rejection>();
  readonly messages: FollowMessage[] = [];
  /** The same by session, until somebody takes it. */
  readonly sent = new Map<number, FollowMessage[]>();
  /** Commits that wait for their acknowledgement. */
  readonly commits: Extract<ControllerEffect, { effect: 'commit' }>[] = [];
  readonly chance: { -readonly [field in keyof Chance]: Chance[field] };
  private lastRequest = 0;

  constructor(seed = 1) {
    const random = seededRandom(seed);
    this.chance = {
      now: 1_700_000_000_000,
      entropy: (count) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)),
    };
    this.state = createControllerState(new Snapshot(), POOLS);
  }

  dispatch(event: ControllerEvent): void {
    for (const effect of step(this.state, event, this.chance)) this.perform(effect);
  }

  /** Sends a wish and acknowledges whatever commit it leads to. */
  ask(wish: Wish, principal: Principal = OPERATOR): Granted | Rejection {
    const request = this.petition(wish, principal);
    this.acknowledgeAll();
    const answer = this.answers.get(request);
    if (!answer) throw new Error('no answer');
    return answer;
  }

  grant(wish: Wish, principal: Principal = OPERATOR): StoredRecord {
    const answer = this.ask(wish, principal);
    if (isRejection(answer)) throw new Error(JSON.stringify(answer.faults));
    return answer.subject!;
  }

  /** Sends a wish; the commit stays under way. */
  petition(wish: Wish, principal: Principal = OPERATOR): number {
    const request = ++this.lastRequest;
    this.dispatch({ event: 'wished', petition: { request, principal, wish } });
    return request;
  }

  acknowledgeAll(): void {
    for (let commit = this.commits.shift(); commit; commit = this.commits.shift())
      this.dispatch({
        event: 'commit-ended',
        outcome: { outcome: 'committed', revision: commit.expected + 1 },
      });
  }

  follow(session: number, host: string, principal: Principal = { role: 'host', name: host }): void {
    this.dispatch({ event: 'follow-began', session, principal, host });
  }

  private perform(effect: ControllerEffect): void {
    if (effect.effect === 'answer') this.answers.set(effect.request, effect.answer);
    else if (effect.effect === 'commit') this.commits.push(effect);
    else if (effect.effect === 'end-session') this.ended.set(effect.session, effect.rejection);
    else if (effect.effect === 'send') this.hear(effect.session, effect.message);
  }

  private hear(session: number, message: FollowMessage): void {
    this.messages.push(message);
    this.sent.set(session, [...(this.sent.get(session) ?? []), message]);
    const replica = this.replicas.get(session) ?? new Snapshot();
    this.replicas.set(session, replica);
    if (message.message === 'snapshot') {
      replica.clear();
      replica.apply(message.records.map(put), message.revision);
    } else if (message.message === 'delta') {
      for (const network of message.forgottenNetworks) {
        const { blocks, endpoints } = replica.inNetwork(network);
        const gone = [{ kind: 'network' as const, id: network }, ...blocks.values(), ...endpoints.values()];
        replica.apply(gone.map(remove), message.revision);
      }
      replica.apply(message.changes, message.revision);
    }
  }
}

/** Records in an order that does not depend on history. */
export const sorted = (records: Iterable<StoredRecord>): StoredRecord[] =>
  [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
