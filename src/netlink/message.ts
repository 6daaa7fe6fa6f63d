import { HEADER_BYTES } from './message-writer.ts';
import { malformed } from './netlink-error.ts';

/** linux/netlink.h, NLM_F_*: what a request is to do. */
export const NLM_F = {
  REQUEST: 0x01,
  MULTI: 0x02,
  ACK: 0x04,
  DUMP_INTR: 0x10,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** NLM_F_ROOT | NLM_F_MATCH */
  DUMP: 0x300,
} as const;

/** linux/netlink.h, NLMSG_*: types that are the same in every netlink family. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const;

/** linux/rtnetlink.h, RTM_*. */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWNSID: 88,
  DELNSID: 89,
  GETNSID: 90,
} as const;

const RTM_NAMES = new Map<number, string>(Object.entries(RTM).map(([name, type]) => [type, `RTM_${name}`]));

/** 16 → "RTM_NEWLINK"; for errors and logs. */
export function messageTypeName(type: number): string {
  return RTM_NAMES.get(type) ?? `message type ${type}`;
}

/** One message as received. `body` is everything after the header and may be a view of a shared buffer. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly body: Buffer;
}

/**
 * One of a datagram. Of a table there are a hundred thousand: a body is made for who asks for it, others read in place,
 * and who reads them one after the other needs one object for all.
 */
export class ReceivedMessage implements Message {
  type = 0;
  flags = 0;
  sequence = 0;
  port = 0;
  readonly datagram: Buffer;
  /** Where the body begins and ends in it. */
  start = 0;
  end = 0;

  constructor(datagram: Buffer) {
    this.datagram = datagram;
  }

  /** Becomes the one that begins at that byte, where so many were received; gives where the next one begins. */
  read(at: number, received: number): number {
    const { datagram } = this;
    const left = received - at;
    if (left < HEADER_BYTES) throw malformed(`${left} bytes where a message header should be`);
    const length = u32At(datagram, at);
    if (length < HEADER_BYTES || length > left) {
      throw malformed(`a message of ${length} bytes where ${left} are left`);
    }
    this.type = u16At(datagram, at + 4);
    this.flags = u16At(datagram, at + 6);
    this.sequence = u32At(datagram, at + 8);
    this.port = u32At(datagram, at + 12);
    this.start = at + HEADER_BYTES;
    this.end = at + length;
    return at + ((length + 3) & ~3);
  }

  get body(): Buffer {
    return this.datagram.subarray(this.start, this.end);
  }
}

/** Node's own readers check their arguments, which takes longer than reading. */
const u32At = (bytes: Uint8Array, at: number): number =>
  (u16At(bytes, at) | (u16At(bytes, at + 2) << 16)) >>> 0;
export const u16At = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

/** A message for sending: header (sequence 0), fixed body and attributes, as an `encode…` function made it. */
export type Request = Buffer;

/** Walks the messages of one datagram. Views, not copies: what must outlive the buffer has to be copied. */
export function* readMessages(datagram: Buffer): Generator<ReceivedMessage> {
  for (let at = 0; at < datagram.length; ) {
    const message = new ReceivedMessage(datagram);
    at = message.read(at, datagram.length);
    yield message;
  }
}

/** Refuses a body too short for its fixed part, before anything is read from it. */
export function requireBody({ type, body }: Message, bytes: number): Buffer {
  requireBytes(type, body.length, bytes);
  return body;
}

export function requireBytes(type: number, length: number, bytes: number): void {
  if (length < bytes)
    throw malformed(`${messageTypeName(type)} with a body of ${length} bytes, not ${bytes}`);
}
