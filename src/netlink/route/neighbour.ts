import {
  be16,
  type Codec,
  defineFields,
  field,
  forEachAttribute,
  ip,
  mac,
  readFields,
  s32,
  u8,
  u16,
  u32,
  type ValuesOf,
  writeFields,
} from '../attributes.ts';
import { AF_INET, AF_INET6, familyOf, writeIp } from '../ip-text.ts';
import { writeMac } from '../mac-text.ts';
import {
  type Message,
  NLM_F,
  type ReceivedMessage,
  type Request,
  RTM,
  requireBody,
  requireBytes,
} from '../message.ts';
import { HEADER_BYTES, writer } from '../message-writer.ts';
import type { PackedRequests } from '../packed-requests.ts';
import { AF_BRIDGE } from './bridge-port.ts';

/** struct ndmsg, linux/neighbour.h: u8 family, pad, s32 ifindex @4, u16 state @8, u8 flags @10, u8 type @11. */
const NDMSG_BYTES = 12;

/** linux/neighbour.h: states of an entry. PERMANENT and NOARP never change by themselves. */
export const NUD = {
  INCOMPLETE: 0x01,
  REACHABLE: 0x02,
  STALE: 0x04,
  DELAY: 0x08,
  PROBE: 0x10,
  FAILED: 0x20,
  NOARP: 0x40,
  PERMANENT: 0x80,
} as const;

/**
 * linux/neighbour.h: flags. SELF and MASTER say whose FDB is meant: the device's own (vxlan0) or its bridge's.
 * Dynamic EXT_LEARNED neighbours are spared by garbage collection, but flushed when the carrier goes.
 */
export const NTF = {
  USE: 0x01,
  SELF: 0x02,
  MASTER: 0x04,
  PROXY: 0x08,
  EXT_LEARNED: 0x10,
  OFFLOADED: 0x20,
  STICKY: 0x40,
  ROUTER: 0x80,
} as const;

/** struct nda_cacheinfo: ages in 1/100 s (USER_HZ), and the reference count. */
export interface NeighbourCache {
  confirmed: number;
  used: number;
  updated: number;
  references: number;
}

const cacheInfo: Codec<NeighbourCache> = {
  write: () => {},
  read: (bytes, start, end) => ({
    confirmed: u32.read(bytes, start, end),
    used: u32.read(bytes, start + 4, end),
    updated: u32.read(bytes, start + 8, end),
    references: u32.read(bytes, start + 12, end),
  }),
};

/** NDA_*, linux/neighbour.h */
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_CACHEINFO = 3;
const NDA_VLAN = 5;
const NDA_PORT = 6;
const NDA_VNI = 7;
const NDA_IFINDEX = 8;
const NDA_PROTOCOL = 12;
const NDA_NH_ID = 13;
const neighbourFields = defineFields({
  /** The MAC: the key of an FDB entry, the answer of a neighbour. */
  mac: field(NDA_LLADDR, mac),
  /** The IP: the key of a neighbour, the remote VTEP of a vxlan FDB entry. */
  dst: field(NDA_DST, ip),
  vlan: field(NDA_VLAN, u16),
  /** UDP port of the VTEP where it is not the device's. */
  port: field(NDA_PORT, be16),
  vni: field(NDA_VNI, u32),
  /** Ifindex of the device towards the VTEP: `via`. */
  via: field(NDA_IFINDEX, u32),
  master: field(9, u32),
  linkNetnsId: field(10, s32),
  sourceVni: field(11, u32),
  /** Who made the entry, like a route's protocol; not kept by FDBs. */
  protocol: field(NDA_PROTOCOL, u8),
  nexthopId: field(NDA_NH_ID, u32),
  flagsExt: field(15, u32),
  cache: field(NDA_CACHEINFO, cacheInfo),
});
type NeighbourValues = ValuesOf<typeof neighbourFields.table>;

/**
 * An entry to write. With `family: AF_BRIDGE` it is an FDB entry; without, the family is that of `dst`:
 * `bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst 192.0.2.2 self permanent`,
 * `ip neigh replace 10.0.0.3 lladdr 02:42:0a:00:00:03 dev vxlan0 nud permanent protocol 119`.
 */
export interface NeighbourRequest extends Omit<NeighbourValues, 'cache'> {
  family?: number;
  ifindex: number;
  /** NUD_* bits; default PERMANENT. */
  state?: number;
  /** NTF_* bits. */
  flags?: number;
}

/** A neighbour or FDB entry, or a miss: l3miss has `dst` alone, l2miss `mac` alone. */
export interface Neighbour extends NeighbourValues {
  family: number;
  ifindex: number;
  state: number;
  flags: number;
}

/**
 * `add` refuses what exists (EEXIST); `replace` overwrites; `append` adds one more destination to a MAC of a
 * vxlan FDB (repeating it is accepted and changes nothing).
 */
export type NeighbourMode = 'add' | 'replace' | 'append';
const MODE_FLAGS: Record<NeighbourMode, number> = {
  add: NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL,
  replace: NLM_F.REQUEST | NLM_F.CREATE | NLM_F.REPLACE,
  append: NLM_F.REQUEST | NLM_F.CREATE | NLM_F.APPEND,
};

export function encodeNewNeighbour(entry: NeighbourRequest, mode: NeighbourMode): Request {
  return encode(RTM.NEWNEIGH, MODE_FLAGS[mode], entry, entry.state ?? NUD.PERMANENT);
}

/** What most rows are made of. */
export type PlainNeighbour = Pick<
  NeighbourRequest,
  'family' | 'ifindex' | 'state' | 'flags' | 'mac' | 'dst' | 'protocol'
>;
/** Header, MAC, IPv6 address and protocol. */
const MOST_PLAIN_BYTES = HEADER_BYTES + NDMSG_BYTES + 12 + 20 + 8;

/** The same message as {@link encodeNewNeighbour} makes, put behind others. False when there is no room. */
export function packNewNeighbour(
  packed: PackedRequests,
  entry: PlainNeighbour,
  mode: Exclude<NeighbourMode, 'add'>,
): boolean {
  if (!packed.hasRoom(MOST_PLAIN_BYTES)) return false;
  const { bytes, words } = packed;
  const { mac, dst, protocol } = entry;
  const start = packed.length;
  const { ifindex, state = NUD.PERMANENT, flags = 0 } = entry;
  let word = packHead(words, start >> 2, familyOfEntry(entry), ifindex, state | (flags << 16), mode);
  if (mac !== undefined) {
    words[word] = 10 | (NDA_LLADDR << 16);
    words[word + 2] = 0;
    writeMac(mac, bytes, (word + 1) * 4);
    word += 3;
  }
  if (dst !== undefined) {
    const count = writeIp(dst, bytes, (word + 1) * 4);
    words[word] = (4 + count) | (NDA_DST << 16);
    word += 1 + count / 4;
  }
  if (protocol !== undefined) {
    words[word] = 5 | (NDA_PROTOCOL << 16);
    words[word + 1] = protocol;
    word += 2;
  }
  packed.end(word * 4 - start);
  return true;
}

/** The message's header, but for its length and number, and struct ndmsg; gives where the attributes begin. */
function packHead(
  words: Uint32Array,
  at: number,
  family: number,
  ifindex: number,
  stateAndFlags: number,
  mode: Exclude<NeighbourMode, 'add'>,
): number {
  words[at + 1] = RTM.NEWNEIGH | (MODE_FLAGS[mode] << 16);
  words[at + 3] = 0;
  words[at + 4] = family;
  words[at + 5] = ifindex;
  words[at + 6] = stateAndFlags;
  return at + 7;
}

/** A row whose addresses are words: the most significant first, each in the machine's order. */
export interface NeighbourWords {
  /** AF_BRIDGE of an FDB entry; without, the family is that of the address. */
  readonly family?: number;
  readonly ifindex: number;
  readonly state: number;
  readonly flags: number;
  readonly protocol?: number;
  readonly words: Uint32Array;
  /** The upper two bytes of the MAC, then the others. */
  readonly macAt: number;
  readonly ipAt: number;
  /** 1 or 4; 0 is no address. */
  readonly ipWords: number;
}

/** The same as {@link packNewNeighbour} for tables of a hundred thousand: there are no texts to be read. */
export function packNeighbourWords(
  packed: PackedRequests,
  row: NeighbourWords,
  mode: Exclude<NeighbourMode, 'add'>,
): boolean {
  if (!packed.hasRoom(MOST_PLAIN_BYTES)) return false;
  const into = packed.words;
  const { words, macAt, ipAt, ipWords } = row;
  const start = packed.length >> 2;
  const family = row.family ?? (ipWords === 1 ? AF_INET : AF_INET6);
  let word = packHead(into, start, family, row.ifindex, row.state | (row.flags << 16), mode);
  const [high, low] = [words[macAt]!, words[macAt + 1]!];
  into[word++] = 10 | (NDA_LLADDR << 16);
  into[word++] = swapped((high << 16) | (low >>> 16));
  into[word++] = swapped(low << 16);
  if (ipWords > 0) {
    into[word++] = (4 + ipWords * 4) | (NDA_DST << 16);
    for (let i = 0; i < ipWords; i++) into[word++] = swapped(words[ipAt + i]!);
  }
  if (row.protocol !== undefined) {
    into[word++] = 5 | (NDA_PROTOCOL << 16);
    into[word++] = row.protocol;
  }
  packed.end((word - start) * 4);
  return true;
}

/** In network byte order. */
const swapped = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);

const familyOfEntry = ({ family, dst }: PlainNeighbour): number =>
  family ?? (dst === undefined ? AF_BRIDGE : familyOf(dst));

/** ENOENT when absent. A MAC with several destinations loses the one given; if it has not that one, all is well. */
export function encodeDeleteNeighbour(entry: NeighbourRequest): Request {
  return encode(RTM.DELNEIGH, NLM_F.REQUEST, entry, entry.state ?? 0);
}

/** The table of a family (AF_INET, AF_INET6, AF_BRIDGE), all of it or that of one device or of one master's devices. */
export function encodeDumpNeighbours(
  family: number,
  only: { ifindex?: number; master?: number } = {},
): Request {
  const body = writer.start(RTM.GETNEIGH, NLM_F.REQUEST | NLM_F.DUMP, NDMSG_BYTES);
  writer.bytes[body] = family;
  writeFields(writer, neighbourFields, { via: only.ifindex, master: only.master });
  return writer.finish();
}

/** Reads RTM_NEWNEIGH, RTM_DELNEIGH, and the misses, which come as RTM_GETNEIGH. */
export function decodeNeighbour(message: Message): Neighbour {
  const body = requireBody(message, NDMSG_BYTES);
  const entry = readFields(neighbourFields, body, NDMSG_BYTES, body.length) as Neighbour;
  entry.family = body[0]!;
  entry.ifindex = body.readInt32LE(4);
  entry.state = body.readUInt16LE(8);
  entry.flags = body[10]!;
  return entry;
}

/** A row of a table, with its addresses left where they are: in `bytes`, in network byte order. */
export interface NeighbourRow {
  ifindex: number;
  state: number;
  flags: number;
  /** Whether it is of one VLAN only. */
  hasVlan: boolean;
  /** Whether a VXLAN device sends by another UDP port, VNI or underlay device than its own, or by a nexthop. */
  hasDetour: boolean;
  /** Every table says of its rows how old they are. */
  hasAge: boolean;
  bytes: Uint8Array;
  /** Of six bytes; -1 if there is no MAC. */
  macAt: number;
  dstAt: number;
  /** 4, 16, or 0 if there is no address. */
  dstBytes: number;
}

export const emptyNeighbourRow = (): NeighbourRow => ({
  ...{ ifindex: 0, state: 0, flags: 0, hasVlan: false, hasDetour: false, hasAge: false },
  ...{ bytes: new Uint8Array(), macAt: -1, dstAt: -1, dstBytes: 0 },
});

/** As {@link decodeNeighbour} for tables of a hundred thousand: fills `row`, and makes neither texts nor objects. */
export function readNeighbourRow(message: ReceivedMessage, row: NeighbourRow): void {
  const { type, datagram, start: at, end } = message;
  requireBytes(type, end - at, NDMSG_BYTES);
  row.ifindex = datagram.readInt32LE(at + 4);
  row.state = datagram.readUInt16LE(at + 8);
  row.flags = datagram[at + 10]!;
  row.bytes = datagram;
  row.hasVlan = false;
  row.hasDetour = false;
  row.hasAge = false;
  row.macAt = -1;
  row.dstAt = -1;
  row.dstBytes = 0;
  forEachAttribute(datagram, at + NDMSG_BYTES, end, (type, start, end) => {
    if (type === NDA_LLADDR && end - start === 6) row.macAt = start;
    else if (type === NDA_DST && (end - start === 4 || end - start === 16)) {
      row.dstAt = start;
      row.dstBytes = end - start;
    } else if (type === NDA_VLAN) row.hasVlan = true;
    else if (type === NDA_CACHEINFO) row.hasAge = true;
    else if (type === NDA_PORT || type === NDA_VNI || type === NDA_IFINDEX || type === NDA_NH_ID)
      row.hasDetour = true;
  });
}

function encode(type: number, flags: number, entry: NeighbourRequest, state: number): Request {
  const body = writer.start(type, flags, NDMSG_BYTES);
  writer.bytes[body] = familyOfEntry(entry);
  writer.bytes.writeInt32LE(entry.ifindex, body + 4);
  writer.bytes.writeUInt16LE(state, body + 8);
  writer.bytes[body + 10] = entry.flags ?? 0;
  writeFields(writer, neighbourFields, entry);
  return writer.finish();
}
