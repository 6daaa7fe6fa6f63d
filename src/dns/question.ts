import { LONGEST_NAME, type WireName } from './wire-name.ts';

/** What a message asks, as far as an answer needs it. */
export interface Question {
  readonly name: WireName;
  readonly type: number;
  /** Class IN is 1. */
  readonly class: number;
  /** Where it ends in the message: an answer repeats it byte by byte, so that its case comes back as it was asked. */
  readonly end: number;
  /** By EDNS (RFC 6891); without, the size is undefined. */
  readonly edns?: { readonly udpSize: number; readonly version: number };
}

/** RFC 1035, 4.1.1 */
export const HEADER_LENGTH = 12;
const [QUESTIONS_AT, ANSWERS_AT, AUTHORITIES_AT, ADDITIONALS_AT] = [4, 6, 8, 10];
/** RFC 6891, 6.1.1 */
const TYPE_OPT = 41;
/** The two high bits of a length: the rest of the name is elsewhere (RFC 1035, 4.1.4). */
const POINTER = 0xc0;
/** Type, class, TTL and length of a record, behind its name. */
const RECORD_HEAD = 10;

/** Undefined when it does not hold together, or is not exactly one question. */
export function readQuestion(bytes: Buffer): Question | undefined {
  if (bytes.length < HEADER_LENGTH || bytes.readUInt16BE(QUESTIONS_AT) !== 1) return undefined;
  let at = HEADER_LENGTH;
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    if (length === undefined || length & POINTER) return undefined;
    at += 1 + length;
  }
  if (at - HEADER_LENGTH >= LONGEST_NAME || at + 5 > bytes.length) return undefined;
  // What is lowered beyond ASCII is in no name of ours.
  const name = bytes.toString('latin1', HEADER_LENGTH, at).toLowerCase() as WireName;
  const end = at + 5;
  const question = { name, type: bytes.readUInt16BE(at + 1), class: bytes.readUInt16BE(at + 3), end };
  if (bytes.readUInt32BE(ANSWERS_AT) === 0 && bytes.readUInt16BE(ADDITIONALS_AT) === 0) return question;
  const edns = readEdns(bytes, end);
  return edns && { ...question, ...edns };
}

/** Looks through the records behind the question. Undefined when they do not hold together. */
function readEdns(bytes: Buffer, start: number): Pick<Question, 'edns'> | undefined {
  const others = bytes.readUInt16BE(ANSWERS_AT) + bytes.readUInt16BE(AUTHORITIES_AT);
  const count = others + bytes.readUInt16BE(ADDITIONALS_AT);
  let at = start;
  let found: Pick<Question, 'edns'> = {};
  for (let i = 0; i < count; i++) {
    const head = skipName(bytes, at);
    if (head === undefined || head + RECORD_HEAD > bytes.length) return undefined;
    if (i >= others && bytes.readUInt16BE(head) === TYPE_OPT)
      found = { edns: { udpSize: bytes.readUInt16BE(head + 2), version: bytes[head + 5]! } };
    at = head + RECORD_HEAD + bytes.readUInt16BE(head + 8);
    if (at > bytes.length) return undefined;
  }
  return found;
}

function skipName(bytes: Buffer, start: number): number | undefined {
  for (let at = start; ; ) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if (length & POINTER) return at + 2;
    at += 1 + length;
  }
}
