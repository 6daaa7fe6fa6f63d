import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { FollowMessage } from '#api/follow-message.ts';
import { type FollowResponse, FollowResponseSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { rejectionToError } from '#api/rejection.ts';
import { changeToWire, recordToWire } from '#api/wire-records.ts';
import type { Rejection } from '#model/fault.ts';
import type { Follower } from './engine.ts';

/** Records in one message of a snapshot: about 100 KiB. */
const RECORDS_PER_PART = 500;
/** A follower that reads so slowly that this many messages wait is cut off; it comes back and gets a snapshot. */
const MAX_WAITING = 10_000;

/** A bounded queue between the core, which never waits, and one agent's connection, which may be slow. */
export class FollowStream implements Follower {
  private readonly waiting: FollowResponse[] = [];
  private failure: ConnectError | undefined;
  private wake: () => void = () => {};

  send(message: FollowMessage): void {
    if (this.failure) return;
    // A beat says only "still here": messages that wait say so too.
    if (message.message === 'beat' && this.waiting.length > 0) return;
    this.waiting.push(...toWire(message));
    if (this.waiting.length > MAX_WAITING) {
      this.failure = new ConnectError('reads too slowly; follow again', Code.Aborted);
      // Who does not read at all is not heard of either, and never takes them.
      this.waiting.length = 0;
    }
    this.wake();
  }

  end(rejection: Rejection): void {
    this.failure = rejectionToError(rejection);
    this.wake();
  }

  /** Ends when the signal does, with `onEnd`; throws why the session was ended otherwise. */
  async *messages(signal: AbortSignal, onEnd: () => void): AsyncGenerator<FollowResponse> {
    signal.addEventListener('abort', () => this.wake());
    try {
      while (!signal.aborted) {
        if (this.failure) throw this.failure;
        const next = this.waiting.shift();
        if (next) yield next;
        else
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
      }
    } finally {
      onEnd();
    }
  }
}

function toWire(message: FollowMessage): FollowResponse[] {
  const revision = BigInt(message.revision);
  if (message.message === 'snapshot') return snapshotParts(message, revision);
  if (message.message === 'beat')
    return [create(FollowResponseSchema, { message: { case: 'beat', value: { revision } } })];
  const { changes, forgottenNetworks } = message;
  const value = { revision, changes: changes.map(changeToWire), forgottenNetworks: [...forgottenNetworks] };
  return [create(FollowResponseSchema, { message: { case: 'delta', value } })];
}

function snapshotParts(
  { records, lives }: Extract<FollowMessage, { message: 'snapshot' }>,
  revision: bigint,
): FollowResponse[] {
  const parts: FollowResponse[] = [];
  const told = lives.map(({ id, from }) => ({ id, from: BigInt(from) }));
  for (let start = 0; start === 0 || start < records.length; start += RECORDS_PER_PART) {
    const end = start + RECORDS_PER_PART;
    const part = records.slice(start, end).map(recordToWire);
    const value = { records: part, first: start === 0, last: end >= records.length, revision, lives: told };
    parts.push(create(FollowResponseSchema, { message: { case: 'snapshot', value } }));
  }
  return parts;
}
