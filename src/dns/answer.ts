import * as dns from 'dns-packet';
import { familyOf } from '#model/ip.ts';
import type { Endpoint } from '#model/records.ts';
import { type Asker, type Finding, resolve } from './resolve.ts';

/** RFC 1035, 4.2.1: what a UDP answer holds unless the asker says more by EDNS (RFC 6891). */
const PLAIN_UDP_LIMIT = 512;
/** DNS Flag Day 2020: larger answers would be fragmented on some path; TCP is asked for them. */
const LARGEST_UDP_LIMIT = 1232;
const TCP_LIMIT = 65_535;
/** RFC 1035, 4.1.1: the header, which alone suffices to say that the rest is broken. */
const HEADER_LENGTH = 12;

const RESPONSE = 0x8000;
const OPCODE_MASK = 0x7800;
const CODES = {
  'no-error': 0,
  'format-error': 1,
  'server-failure': 2,
  'no-such-name': 3,
  'not-implemented': 4,
};
type Code = keyof typeof CODES;

/** Names go within a second of their endpoint: nobody is to remember an answer. */
const TTL_S = 0;

export type Transport = 'udp' | 'tcp';

/**
 * What goes back for a datagram, or a TCP message without its length: bytes; `forward` when it is not ours to answer;
 * `drop` when it is no question at all (an answer to an answer would go round for ever).
 */
export function answer(
  query: Uint8Array,
  transport: Transport,
  asker: Asker,
): Uint8Array | 'forward' | 'drop' {
  const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength);
  if (bytes.length < HEADER_LENGTH || bytes.readUInt16BE(2) & RESPONSE) return 'drop';
  if (bytes.readUInt16BE(2) & OPCODE_MASK) return encodeError(bytes, 'not-implemented');
  const packet = read(bytes);
  const question = packet?.questions?.[0];
  if (!packet || !question || packet.questions!.length > 1) return encodeError(bytes, 'format-error');
  if (question.class !== undefined && question.class !== 'IN') return 'forward';
  const finding = resolve(asker, question.name);
  if (finding.found === 'not-ours') return 'forward';
  return encode(packet, question, finding, transport);
}

/** Undefined when it is not a DNS message. */
function read(bytes: Buffer): dns.DecodedPacket | undefined {
  try {
    return dns.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The question's header, turned into an answer without anything in it. */
function encodeError(query: Buffer, code: Code): Uint8Array {
  const header = Buffer.alloc(HEADER_LENGTH);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(
    RESPONSE | (query.readUInt16BE(2) & (OPCODE_MASK | dns.RECURSION_DESIRED)) | CODES[code],
    2,
  );
  return header;
}

function encode(
  packet: dns.DecodedPacket,
  question: dns.Question,
  finding: Finding,
  transport: Transport,
): Uint8Array {
  const opt = packet.additionals?.find((record): record is dns.OptAnswer => record.type === 'OPT');
  const code =
    finding.found === 'nothing' ? 'no-such-name' : finding.found === 'unsure' ? 'server-failure' : 'no-error';
  const response: dns.Packet = {
    type: 'response',
    id: packet.id ?? 0,
    flags:
      CODES[code] |
      dns.AUTHORITATIVE_ANSWER |
      dns.RECURSION_AVAILABLE |
      ((packet.flags ?? 0) & dns.RECURSION_DESIRED),
    questions: [question],
    answers: rotate(recordsOf(question, finding), packet.id ?? 0),
    additionals: opt
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: LARGEST_UDP_LIMIT,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  };
  const limit = transport === 'tcp' ? TCP_LIMIT : udpLimit(opt);
  const bytes = dns.encode(response);
  if (bytes.length <= limit) return bytes;
  return dns.encode({ ...response, flags: response.flags! | dns.TRUNCATED_RESPONSE, answers: [] });
}

const udpLimit = (opt: dns.OptAnswer | undefined): number =>
  Math.min(Math.max(opt?.udpPayloadSize ?? 0, PLAIN_UDP_LIMIT), LARGEST_UDP_LIMIT);

/** None where the name is known and has nothing of this type: that is not the same as an unknown name. */
function recordsOf({ name, type }: dns.Question, finding: Finding): dns.Answer[] {
  if (finding.found === 'name')
    return type === 'PTR' || isAny(type)
      ? [{ type: 'PTR', class: 'IN', ttl: TTL_S, name, data: finding.name }]
      : [];
  return finding.found === 'endpoints' ? addressRecords(name, type, finding.endpoints) : [];
}

/** The library reads and writes it; its types lack it. */
const isAny = (type: string): boolean => type === 'ANY';

const TYPE_OF_FAMILY = { 4: 'A', 6: 'AAAA' } as const;

function addressRecords(name: string, type: string, endpoints: readonly Endpoint[]): dns.Answer[] {
  return endpoints
    .flatMap(({ addresses }) => addresses)
    .map((data) => ({ type: TYPE_OF_FAMILY[familyOf(data)], class: 'IN' as const, ttl: TTL_S, name, data }))
    .filter((record) => isAny(type) || record.type === type);
}

/** Many clients take the first: the askers' own chance, their message id, spreads them over all. */
const rotate = <T>(records: readonly T[], by: number): T[] =>
  records.map((_, i) => records[(i + by) % records.length]!);
