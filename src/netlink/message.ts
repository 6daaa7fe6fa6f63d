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
  type: number;
  flags: number;
  sequence: number;
  port: number;
  body: Buffer;
}

/** A message for sending: header (sequence 0), fixed body and attributes, as an `encode…` function made it. */
export type Request = Buffer;

/** Walks the messages of one datagram. Views, not copies: what must outlive the buffer has to be copied. */
export function* readMessages(datagram: Buffer): Generator<Message> {
  for (let at = 0; at < datagram.length; ) {
    const left = datagram.length - at;
    if (left < HEADER_BYTES) throw malformed(`${left} bytes where a message header should be`);
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || length > left) {
      throw malformed(`a message of ${length} bytes where ${left} are left`);
    }
    yield {
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      port: datagram.readUInt32LE(at + 12),
      body: datagram.subarray(at + HEADER_BYTES, at + length),
    };
    at += (length + 3) & ~3;
  }
}

/** Refuses a body too short for its fixed part, before anything is read from it. */
export function requireBody(message: Message, bytes: number): Buffer {
  if (message.body.length < bytes) {
    throw malformed(
      `${messageTypeName(message.type)} with a body of ${message.body.length} bytes, not ${bytes}`,
    );
  }
  return message.body;
}
