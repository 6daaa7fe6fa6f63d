import { randomInt } from 'node:crypto';
import net from 'node:net';
import { constants } from 'node:os';
import { encodeFailure } from '#dns/answer.ts';
import { HEADER_LENGTH, readQuestion } from '#dns/question.ts';
import { NAMESERVER } from '#model/nameserver.ts';
import { connectStream, openConnected } from '#netlink/inet-socket.ts';
import { close, MSG, recv, send, whenReadable } from '#netlink/libc.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { ASKS_FROM } from './asks-from.ts';
import { framed, Unframer } from './frame.ts';
import { hostServers } from './host-servers.ts';

/** Who asks more than this at once is told that it failed: others of the host have their own. */
const MOST_AT_ONCE = 256;
const MOST_STREAMS_AT_ONCE = 16;
/** Of a runtime's resolver, which has its own patience with those that it asks: Docker's 4 s. */
const PATIENCE_MS = 8_000;
const STREAM_CONNECT_MS = 3_000;
const NO_SUCH_NAME = 3;
const { EAGAIN } = constants.errno;
const DNS_PORT = 53;
const LARGEST_MESSAGE = 65_535;

const received = Buffer.allocUnsafeSlow(LARGEST_MESSAGE);

export type Reply = (bytes: Buffer) => void;

/**
 * Asks on behalf of one container whom it would have asked without us, from its own namespace. Who answers at the
 * nameserver's address is the runtime's resolver; where nobody does, whom the host asks.
 */
export class AskOn {
  private readonly netnsFd: number;
  private readonly stops = new Set<() => void>();
  private streams = 0;
  private isClosed = false;

  constructor(netnsFd: number) {
    this.netnsFd = netnsFd;
  }

  /** Gives up what is under way. The namespace may be closed afterwards. */
  close(): void {
    this.isClosed = true;
    for (const stop of [...this.stops]) stop();
  }

  /** Replies once, or never when closed. `doubted`: "no such name" counts as a failure. */
  byDatagram(query: Buffer, doubted: boolean, reply: Reply): void {
    const isTooMuch = this.stops.size >= MOST_AT_ONCE;
    const servers = isTooMuch ? [] : [NAMESERVER, ...hostServers()];
    this.ask(asked(query), servers, (response) =>
      reply(response ? answered(query, response, doubted) : encodeFailure(query)),
    );
  }

  private ask(question: Buffer, servers: readonly string[], done: (response?: Buffer) => void): void {
    const [server, ...others] = servers;
    if (server === undefined) {
      done();
      return;
    }
    const next = () => this.ask(question, others, done);
    let fd: number;
    try {
      fd = openConnected(this.netnsFd, { address: server, port: DNS_PORT }, sourceTowards(server));
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      next();
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      unwatch();
      close(fd);
      this.stops.delete(stop);
    };
    const timer = setTimeout(() => {
      stop();
      next();
    }, PATIENCE_MS / servers.length);
    const unwatch = whenReadable(fd, () => {
      const length = recv(fd, received, received.length, MSG.DONTWAIT);
      if (length === -EAGAIN || (length >= 0 && !answers(question, received.subarray(0, length)))) return;
      stop();
      // Nobody listens there.
      if (length < 0) next();
      else done(Buffer.from(received.subarray(0, length)));
    });
    this.stops.add(stop);
    send(fd, question, question.length, MSG.DONTWAIT);
  }

  /** The same. */
  async byStream(query: Buffer, doubted: boolean, reply: Reply): Promise<void> {
    const response = this.streams < MOST_STREAMS_AT_ONCE ? await this.askByStream(asked(query)) : undefined;
    if (this.isClosed) return;
    reply(response ? answered(query, response, doubted) : encodeFailure(query));
  }

  private async askByStream(question: Buffer): Promise<Buffer | undefined> {
    this.streams++;
    try {
      for (const address of [NAMESERVER, ...hostServers()]) {
        if (this.isClosed) return undefined;
        const response = await this.askStreamOf(address, question);
        if (response) return response;
      }
      return undefined;
    } finally {
      this.streams--;
    }
  }

  private async askStreamOf(address: string, question: Buffer): Promise<Buffer | undefined> {
    let fd: number;
    try {
      const place = { address, port: DNS_PORT };
      fd = await connectStream(this.netnsFd, place, STREAM_CONNECT_MS, sourceTowards(address));
    } catch (error) {
      if (error instanceof NetlinkError) return undefined;
      throw error;
    }
    const socket = new net.Socket({ fd });
    const stop = () => socket.destroy();
    this.stops.add(stop);
    // Of the whole answer, not of a silence: who sends a byte now and then would have the question for hours.
    const timer = setTimeout(stop, PATIENCE_MS);
    return new Promise<Buffer | undefined>((resolve) => {
      const unframer = new Unframer();
      socket.on('error', stop).on('close', () => resolve(undefined));
      socket.on('data', (chunk) => {
        for (const message of unframer.take(chunk)) if (answers(question, message)) resolve(message);
      });
      socket.write(framed(question));
    }).finally(() => {
      clearTimeout(timer);
      stop();
      this.stops.delete(stop);
    });
  }
}

const sourceTowards = (server: string): string | undefined => (server === NAMESERVER ? ASKS_FROM : undefined);

/** The same under a number of its own: who does not see it cannot answer in another's name. */
function asked(query: Buffer): Buffer {
  const question = Buffer.from(query);
  question.writeUInt16BE(randomInt(0x10000), 0);
  return question;
}

/** Whether it is an answer to this very question, its case included. */
function answers(question: Buffer, response: Buffer): boolean {
  if (response.length < HEADER_LENGTH || !(response[2]! & 0x80)) return false;
  if (response.readUInt16BE(0) !== question.readUInt16BE(0)) return false;
  // An error may come back without the question.
  if (response.readUInt16BE(4) === 0) return true;
  const end = readQuestion(question)?.end ?? HEADER_LENGTH;
  return response.subarray(HEADER_LENGTH, end).equals(question.subarray(HEADER_LENGTH, end));
}

function answered(query: Buffer, response: Buffer, doubted: boolean): Buffer {
  if (doubted && (response[3]! & 15) === NO_SUCH_NAME) return encodeFailure(query);
  response.writeUInt16BE(query.readUInt16BE(0), 0);
  return response;
}
