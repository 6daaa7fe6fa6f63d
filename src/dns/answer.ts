import type { Entry } from './name-table.ts';
import { HEADER_LENGTH, type Question, readQuestion } from './question.ts';
import { type Asker, type Finding, resolve } from './resolve.ts';
import { wireName } from './wire-name.ts';

/** RFC 1035, 4.2.1: what a UDP answer holds unless the asker says more by EDNS (RFC 6891). */
const PLAIN_UDP_LIMIT = 512;
/** DNS Flag Day 2020: larger answers would be fragmented on some path; TCP is asked for them. */
const LARGEST_UDP_LIMIT = 1232;
const TCP_LIMIT = 65_535;

/** Bits of the header's second word (RFC 1035, 4.1.1). */
const RESPONSE = 0x8000;
const OPCODE_MASK = 0x7800;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const CODES = {
  'no-error': 0,
  'format-error': 1,
  'server-failure': 2,
  'no-such-name': 3,
  'not-implemented': 4,
  'bad-version': 16,
} as const;
type Code = keyof typeof CODES;

/** Of a code what fits into the header. */
const CODE_MASK = 15;

const TYPES = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
const CLASS_IN = 1;
/** A pointer to the question's name (RFC 1035, 4.1.4). */
const ASKED_NAME = 0xc000 | HEADER_LENGTH;
/** Names go within a second of their endpoint: nobody is to remember an answer. */
const TTL_S = 0;
/** The pointer, then type, class, TTL and length. */
const RECORD_HEAD = 12;
const OPT_LENGTH = 11;

export type Transport = 'udp' | 'tcp';

/**
 * What goes back for a datagram, or a TCP message without its length: bytes; `forward` when it is not ours to answer,
 * `forward-doubted` when moreover "no such name" is not to be believed of whom it is asked; `drop` when it is no
 * question at all (an answer to an answer would go round for ever).
 */
export function answer(
  query: Buffer,
  transport: Transport,
  asker: Asker,
): Buffer | 'forward' | 'forward-doubted' | 'drop' {
  if (query.length < HEADER_LENGTH || query[2]! & (RESPONSE >> 8)) return 'drop';
  if (query[2]! & (OPCODE_MASK >> 8)) return encodeError(query, 'not-implemented');
  const question = readQuestion(query);
  if (!question) return encodeError(query, 'format-error');
  if (question.class !== CLASS_IN) return 'forward';
  const finding = resolve(asker, question.name);
  if (finding.found === 'not-ours') return 'forward';
  if (finding.found === 'perhaps-ours') return 'forward-doubted';
  return encode(query, question, finding, transport);
}

/** The question's header, turned into an answer without anything in it. */
function encodeError(query: Buffer, code: Code): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(
    RESPONSE | (query.readUInt16BE(2) & (OPCODE_MASK | RECURSION_DESIRED)) | CODES[code],
    2,
  );
  return header;
}

/** The same with its question, for who compares that: an answer to what could not be asked. */
export function encodeFailure(query: Buffer): Buffer {
  const question = readQuestion(query);
  return question
    ? encode(query, question, { found: 'unsure' }, 'tcp')
    : encodeError(query, 'server-failure');
}

function encode(query: Buffer, question: Question, finding: Finding, transport: Transport): Buffer {
  const { edns, end } = question;
  const code = codeOf(question, finding);
  const { type, records } = code === 'no-error' ? recordsOf(question.type, finding) : NO_RECORDS;
  const tail = edns ? OPT_LENGTH : 0;
  const room = (transport === 'tcp' ? TCP_LIMIT : udpLimit(question)) - end - tail;
  const { count, length } = fitting(records, room);
  const bytes = Buffer.allocUnsafe(end + length + tail);
  query.copy(bytes, 0, 0, end);
  const flags = RESPONSE | AUTHORITATIVE | RECURSION_AVAILABLE | (count < records.length ? TRUNCATED : 0);
  bytes.writeUInt16BE(flags | (query.readUInt16BE(2) & RECURSION_DESIRED) | (CODES[code] & CODE_MASK), 2);
  bytes.writeUInt16BE(count, 6);
  bytes.writeUInt16BE(0, 8);
  bytes.writeUInt16BE(edns ? 1 : 0, 10);
  writeRecords(bytes, end, type, records, count, query.readUInt16BE(0));
  if (edns) writeOpt(bytes, bytes.length - OPT_LENGTH, code);
  return bytes;
}

/**
 * As many as there is room for. Who does not ask again over TCP (musl before 1.2.4, busybox) takes them for the answer,
 * and would take an empty one for "no address".
 */
function fitting(records: readonly Uint8Array[], room: number): { count: number; length: number } {
  let length = 0;
  for (const [count, data] of records.entries()) {
    if (length + RECORD_HEAD + data.length > room) return { count, length };
    length += RECORD_HEAD + data.length;
  }
  return { count: records.length, length };
}

function codeOf({ edns }: Question, { found }: Finding): Code {
  if (edns && edns.version > 0) return 'bad-version';
  if (found === 'nothing') return 'no-such-name';
  return found === 'unsure' ? 'server-failure' : 'no-error';
}

const udpLimit = ({ edns }: Question): number =>
  edns ? Math.min(Math.max(edns.udpSize, PLAIN_UDP_LIMIT), LARGEST_UDP_LIMIT) : PLAIN_UDP_LIMIT;

interface Records {
  readonly type: number;
  readonly records: readonly Uint8Array[];
}
const NO_RECORDS: Records = { type: 0, records: [] };

/** None where the name is known and has nothing of this type: that is not the same as an unknown name. */
function recordsOf(asked: number, finding: Finding): Records {
  if (finding.found === 'name')
    return asked === TYPES.PTR || asked === TYPES.ANY
      ? { type: TYPES.PTR, records: nameData(finding.name) }
      : NO_RECORDS;
  if (finding.found !== 'endpoints') return NO_RECORDS;
  const { endpoints } = finding;
  if (asked === TYPES.A) return { type: asked, records: joined(endpoints, ({ ipv4 }) => ipv4) };
  if (asked === TYPES.AAAA) return { type: asked, records: joined(endpoints, ({ ipv6 }) => ipv6) };
  if (asked !== TYPES.ANY) return NO_RECORDS;
  // RFC 8482, 4.1: some of what there is will do.
  const addresses = recordsOf(TYPES.A, finding);
  return addresses.records.length > 0 ? addresses : recordsOf(TYPES.AAAA, finding);
}

const joined = (endpoints: readonly Entry[], data: (entry: Entry) => readonly Uint8Array[]) =>
  endpoints.length === 1 ? data(endpoints[0]!) : endpoints.flatMap(data);

/** Nothing for a name that no message can hold: an endpoint may have one. */
function nameData(name: string): readonly Uint8Array[] {
  if (wireName(name) === undefined) return [];
  const labels = name.split('.').map((label) => String.fromCharCode(label.length) + label);
  return [Buffer.from(`${labels.join('')}\0`, 'latin1')];
}

/**
 * Many clients take the first: the askers' own chance, their message id, spreads them over all. Those of one answer are
 * of one length, so that as many fit wherever it begins.
 */
function writeRecords(
  bytes: Buffer,
  start: number,
  type: number,
  records: readonly Uint8Array[],
  count: number,
  turn: number,
): void {
  let at = start;
  for (let i = 0; i < count; i++) {
    const data = records[(i + turn) % records.length]!;
    bytes.writeUInt16BE(ASKED_NAME, at);
    bytes.writeUInt16BE(type, at + 2);
    bytes.writeUInt16BE(CLASS_IN, at + 4);
    bytes.writeUInt32BE(TTL_S, at + 6);
    bytes.writeUInt16BE(data.length, at + 10);
    bytes.set(data, at + RECORD_HEAD);
    at += RECORD_HEAD + data.length;
  }
}

/** RFC 6891, 6.1.2: the root's name, type, the size that we take, and of the code what the header does not hold. */
function writeOpt(bytes: Buffer, at: number, code: Code): void {
  bytes.fill(0, at);
  bytes.writeUInt16BE(TYPES.OPT, at + 1);
  bytes.writeUInt16BE(LARGEST_UDP_LIMIT, at + 3);
  bytes[at + 5] = CODES[code] >> 4;
}
