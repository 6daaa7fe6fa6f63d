import { constants } from 'node:os';
import { readAcknowledgement } from './acknowledgement.ts';
import { type Message, messageTypeName, NLM_F, NLMSG, ReceivedMessage, type Request } from './message.ts';
import { encodeTransactionBegin, encodeTransactionEnd } from './netfilter/message.ts';
import { NetlinkError } from './netlink-error.ts';
import { PackedRequests, SEND_BYTES } from './packed-requests.ts';
import { openSocket, type Protocol, type Transport } from './socket.ts';

/** What became of one message of a batch: undefined when the kernel took it, else why not. */
export type Outcome = NetlinkError | undefined;

export interface Conversation {
  /** Has one thing done, and waits until it is. Throws NetlinkError when the kernel refused. */
  request(request: Request): void;
  /** Asks for one thing (RTM_GET…); gives a copy of the message that answers. Throws NetlinkError when the kernel refused. */
  ask(question: Request): Message;
  /**
   * Reads a whole table, in the kernel's order. `decode` is called within; the message's body is valid only then. What
   * it gives undefined for is in no list: that of a table of 400,000 rows would be rubbish of megabytes.
   * An interrupted dump (the table changed meanwhile) is thrown away and asked again, at most `DUMP_ATTEMPTS` times,
   * then it is a retryable EINTR. Before each time `begin` is called: for who keeps more than the result.
   */
  dump<T>(request: Request, decode: (message: ReceivedMessage) => T, begin?: () => void): T[];
  /**
   * Sends many, in order, each independent of the others' success; the outcomes are in the same order. Throws only
   * for bytes that are no netlink. When the socket itself fails, the messages without a verdict get that error.
   */
  batch(requests: readonly Request[], options?: { batchSize?: number }): Outcome[];
  /** For rows, of which there are thousands: messages are put here, and nothing else is sent before `sendPacked`. */
  readonly packed: PackedRequests;
  /** Sends what is there, at once, and empties it. Gives the refusals by the place of their message. */
  sendPacked(): ReadonlyMap<number, NetlinkError>;
  /**
   * The same with the kernel's work done on another thread, for what makes it sleep (deletes). Until it is done the
   * conversation must not be used otherwise.
   */
  batchInBackground(requests: readonly Request[]): Promise<Outcome[]>;
  /**
   * nfnetlink: all of them in one step, or none. Throws the NetlinkError of the first that was refused, or EMSGSIZE
   * of more than a socket may take at once: there is no limit with CAP_NET_ADMIN of the first user namespace.
   */
  transact(requests: readonly Request[]): void;
  /** No answer failed to come; one that comes late may be in the way of another dump. */
  readonly isSound: boolean;
  close(): void;
}

/** Messages per send. 64 to 128 is fastest; a thousand is slower than one by one. */
export const BATCH_SIZE = 100;
/** The kernel sizes a dump's datagrams after the reader's buffer, up to 32 KiB; single answers can be larger. */
const RECEIVE_BYTES = 64 * 1024;
const DUMP_ATTEMPTS = 5;
const { EINTR } = constants.errno;

/** One for all of this thread's conversations: what is in it lasts only until the call ends. */
const received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
const message = new ReceivedMessage(received);
const sending = Buffer.allocUnsafeSlow(SEND_BYTES);

/** Speaks rtnetlink, or another part's, in the namespace behind `netnsFd` (default: this thread's). Synchronous; close it. */
export function openConversation(netnsFd?: number, protocol?: Protocol): Conversation {
  return converse(openSocket(netnsFd, protocol));
}

/** A conversation over any transport. Not reentrant: `decode` must not use any conversation. */
export function converse(transport: Transport): Conversation {
  let rows: PackedRequests | undefined;
  let sequence = 0;
  let isSound = true;

  /** Made when there are any: most conversations are short. */
  const packedRows = (): PackedRequests => (rows ??= new PackedRequests());

  /** Never 0: that is the sequence number of the kernel's own events. */
  function nextSequence(): number {
    sequence = (sequence % 0xffffffff) + 1;
    return sequence;
  }

  function sendOne(request: Request, flags: number): number {
    const own = nextSequence();
    const bytes = Buffer.from(request);
    stamp(bytes, 0, own, flags);
    transport.send(bytes, bytes.length);
    return own;
  }

  /** Hands every message that answers `from`..`to` to `visit` until that says it was the last. */
  function listen(from: number, to: number, visit: (message: ReceivedMessage) => boolean): void {
    isSound = false;
    for (;;) {
      const length = transport.receive(received);
      let done = false;
      for (let at = 0; at < length; ) {
        at = message.read(at, length);
        // Leftovers of a question that was given up are not ours to read.
        if (!done && message.sequence >= from && message.sequence <= to) done = visit(message);
      }
      if (done) {
        isSound = true;
        return;
      }
    }
  }

  function request(request: Request): void {
    const own = sendOne(request, NLM_F.ACK);
    let outcome: Outcome;
    listen(own, own, (message) => {
      if (message.type !== NLMSG.ERROR) return false;
      outcome = readAcknowledgement(message, request);
      return true;
    });
    if (outcome) throw outcome;
  }

  /** The answer says enough: an acknowledgement behind it would be another datagram. */
  function ask(question: Request): Message {
    const own = sendOne(question, 0);
    let answer: Message | NetlinkError | undefined;
    listen(own, own, (message) => {
      const { type, flags, sequence, port, body } = message;
      answer =
        type === NLMSG.ERROR
          ? readAcknowledgement(message, question)
          : { type, flags, sequence, port, body: Buffer.from(body) };
      return true;
    });
    if (answer instanceof NetlinkError || !answer) throw answer ?? silent(question);
    return answer;
  }

  function dump<T>(request: Request, decode: (message: ReceivedMessage) => T, begin = () => {}): T[] {
    for (let attempt = 1; attempt <= DUMP_ATTEMPTS; attempt++) {
      begin();
      const rows = dumpOnce(request, decode);
      if (rows) return rows;
    }
    throw new NetlinkError({
      errno: EINTR,
      request: messageTypeName(request.readUInt16LE(4)),
      text: `the table changed during each of ${DUMP_ATTEMPTS} dumps`,
    });
  }

  function dumpOnce<T>(request: Request, decode: (message: ReceivedMessage) => T): T[] | undefined {
    const own = sendOne(request, NLM_F.DUMP);
    const rows: T[] = [];
    let interrupted = false;
    let outcome: unknown;
    listen(own, own, (message) => {
      if (message.flags & NLM_F.DUMP_INTR) interrupted = true;
      if (message.type === NLMSG.ERROR || message.type === NLMSG.DONE) {
        outcome ??= readAcknowledgement(message, request);
        return true;
      }
      // Read to the end in any case: the kernel refuses another dump (EBUSY) while one is under way.
      if (interrupted || outcome) return false;
      try {
        const row = decode(message);
        if (row !== undefined) rows.push(row);
      } catch (error) {
        outcome = error;
      }
      return false;
    });
    if (outcome) throw outcome;
    return interrupted ? undefined : rows;
  }

  function batch(requests: readonly Request[], { batchSize = BATCH_SIZE } = {}): Outcome[] {
    const outcomes: Outcome[] = new Array(requests.length).fill(undefined);
    for (const chunk of chunksOf(requests, batchSize)) {
      try {
        const { bytes, length, firstSequence } = prepare(chunk);
        transport.send(bytes, length);
        collect(chunk, firstSequence, outcomes);
      } catch (error) {
        return failRest(chunk, outcomes, error);
      }
    }
    return outcomes;
  }

  function sendPacked(): Map<number, NetlinkError> {
    const refusals = new Map<number, NetlinkError>();
    const packed = packedRows();
    const { count } = packed;
    const firstSequence = firstOf(count);
    sequence += count;
    packed.stamp(firstSequence);
    try {
      transport.send(packed.bytes, packed.length);
      listen(firstSequence, sequence, (message) => {
        if (message.type !== NLMSG.ERROR) return false;
        const index = message.sequence - firstSequence;
        const refusal = readAcknowledgement(message, packed.get(index));
        if (refusal) refusals.set(index, refusal);
        return index === count - 1;
      });
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      for (let i = 0; i < count; i++) if (!refusals.has(i)) refusals.set(i, error);
    }
    packed.clear();
    return refusals;
  }

  /** A chunk's numbers are consecutive: starts again rather than wrap within. */
  function firstOf(count: number): number {
    if (sequence + count > 0xffffffff) sequence = 0;
    return sequence + 1;
  }

  async function batchInBackground(requests: readonly Request[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = new Array(requests.length).fill(undefined);
    for (const chunk of chunksOf(requests, BATCH_SIZE)) {
      try {
        const { bytes, length, firstSequence } = prepare(chunk, Buffer.allocUnsafeSlow(SEND_BYTES));
        await transport.sendInBackground(bytes, length);
        collect(chunk, firstSequence, outcomes);
      } catch (error) {
        return failRest(chunk, outcomes, error);
      }
    }
    return outcomes;
  }

  /** Only the last message asks for an acknowledgement: refusals are told anyway, and all come before it. */
  function prepare(
    { requests }: Chunk,
    into = sending,
  ): { bytes: Buffer; length: number; firstSequence: number } {
    const single = requests.length === 1;
    const bytes = single ? Buffer.from(requests[0]!) : into;
    const firstSequence = firstOf(requests.length);
    let length = 0;
    requests.forEach((message, i) => {
      if (!single) bytes.set(message, length);
      stamp(bytes, length, nextSequence(), i === requests.length - 1 ? NLM_F.ACK : 0);
      length += message.length;
    });
    return { bytes, length, firstSequence };
  }

  function collect({ start, requests }: Chunk, firstSequence: number, outcomes: Outcome[]): void {
    const lastSequence = firstSequence + requests.length - 1;
    listen(firstSequence, lastSequence, (message) => {
      if (message.type !== NLMSG.ERROR) return false;
      const index = message.sequence - firstSequence;
      outcomes[start + index] = readAcknowledgement(message, requests[index]!);
      return message.sequence === lastSequence;
    });
  }

  /** The kernel answers when it has committed: first all refusals, in any order, or that of the whole. */
  function transact(requests: readonly Request[]): void {
    if (requests.length === 0) return;
    const framed = [encodeTransactionBegin(), ...requests, encodeTransactionEnd()];
    const total = framed.reduce((sum, request) => sum + request.length, 0);
    const into = total > SEND_BYTES ? Buffer.allocUnsafeSlow(total) : sending;
    const { bytes, length, firstSequence } = prepare({ start: 0, requests: framed }, into);
    bytes[lastAckAt(framed)]! |= NLM_F.ACK;
    transport.send(bytes, length);
    let refused: Outcome;
    // Not the end's own: older kernels acknowledge none there.
    const last = firstSequence + requests.length;
    listen(firstSequence, last, (message) => {
      if (message.type !== NLMSG.ERROR) return false;
      const outcome = readAcknowledgement(message, framed[message.sequence - firstSequence]!);
      refused ??= outcome;
      return message.sequence === last || (message.sequence === firstSequence && outcome !== undefined);
    });
    if (refused) throw refused;
  }

  return {
    request,
    ask,
    dump,
    batch,
    get packed() {
      return packedRows();
    },
    sendPacked,
    batchInBackground,
    transact,
    get isSound() {
      return isSound;
    },
    close: () => transport.close(),
  };
}

/** What the kernel does not do: it was asked, and says that all is well. */
const silent = (question: Request): NetlinkError =>
  new NetlinkError({
    errno: constants.errno.ENOMSG,
    request: messageTypeName(question.readUInt16LE(4)),
    text: 'the kernel gave no answer',
  });

/** Where the flags of the message before the last are. */
const lastAckAt = (requests: readonly Request[]): number =>
  requests.slice(0, -2).reduce((bytes, { length }) => bytes + length, 0) + 6;

interface Chunk {
  /** Index of its first message in the batch. */
  start: number;
  requests: readonly Request[];
}

/** As many messages as fit into one send; at least one. Encoders pad to 4 bytes, so messages follow each other. */
function* chunksOf(requests: readonly Request[], batchSize: number): Generator<Chunk> {
  for (let start = 0; start < requests.length; ) {
    let bytes = 0;
    let end = start;
    while (end < requests.length && end - start < batchSize) {
      bytes += requests[end]!.length;
      if (bytes > SEND_BYTES && end > start) break;
      end++;
    }
    yield { start, requests: requests.slice(start, end) };
    start = end;
  }
}

/** The socket failed within this chunk: what has no verdict yet gets that failure, to be asked again. */
function failRest({ start }: Chunk, outcomes: Outcome[], error: unknown): Outcome[] {
  if (!(error instanceof NetlinkError)) throw error;
  for (let i = start; i < outcomes.length; i++) outcomes[i] ??= error;
  return outcomes;
}

function stamp(bytes: Buffer, at: number, sequence: number, flags: number): void {
  bytes.writeUInt16LE(bytes.readUInt16LE(at + 6) | flags, at + 6);
  bytes.writeUInt32LE(sequence, at + 8);
}
