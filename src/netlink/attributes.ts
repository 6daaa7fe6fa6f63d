import { AF_INET, familyOf, readIp, writeIp } from './ip-text.ts';
import { readMac, writeMac } from './mac-text.ts';
import { u16At } from './message.ts';
import type { MessageWriter } from './message-writer.ts';
import { malformed, unencodable } from './netlink-error.ts';

/**
 * How one attribute's payload is written and read. `read` never looks outside [start, end); undefined is "something
 * else than this codec knows", and the attribute counts as absent.
 */
export interface Codec<T> {
  write(writer: MessageWriter, value: T): void;
  read(bytes: Buffer, start: number, end: number): T | undefined;
}

/** One named attribute: its number in the kernel's header (two where the families have one each) and its codec. */
export interface Field<T> {
  readonly types: readonly number[];
  typeFor(value: T): number;
  readonly codec: Codec<T>;
}

/** linux/netlink.h */
export const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

export function field<T>(type: number, codec: Codec<T>): Field<T> {
  return { types: [type & NLA_TYPE_MASK], typeFor: () => type, codec };
}

/** An address whose attribute number depends on the family, e.g. IFLA_VXLAN_LOCAL and IFLA_VXLAN_LOCAL6. */
export function ipField(ipv4Type: number, ipv6Type: number): Field<string> {
  return {
    types: [ipv4Type, ipv6Type],
    typeFor: (text) => (familyOf(text) === AF_INET ? ipv4Type : ipv6Type),
    codec: ip,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: each field has a type of its own; ValuesOf recovers it
type Table = Record<string, Field<any>>;

/** The plain object that a table of fields describes; every attribute may be absent. */
export type ValuesOf<F> = {
  -readonly [K in keyof F]?: F[K] extends Field<infer T> ? T : never;
};

interface Entry<F extends Table> {
  readonly name: string;
  readonly field: F[string];
}

export interface Fields<F extends Table> {
  readonly entries: readonly Entry<F>[];
  readonly byType: readonly (Entry<F> | undefined)[];
  /** Only for its type. */
  readonly table: F;
}

/** Prepares a table for writing (in the table's order) and reading (by number). */
export function defineFields<F extends Table>(table: F): Fields<F> {
  const entries = Object.entries(table).map(([name, field]) => ({ name, field: field as F[string] }));
  const byType: Entry<F>[] = [];
  for (const entry of entries) for (const type of entry.field.types) byType[type] = entry;
  return { entries, byType, table };
}

/** Appends the fields that have a value, in the table's order. */
export function writeFields<F extends Table>(
  writer: MessageWriter,
  fields: Fields<F>,
  values: ValuesOf<F>,
): void {
  const { entries } = fields;
  for (let i = 0; i < entries.length; i++) {
    const { name, field } = entries[i]!;
    const value = values[name];
    if (value === undefined) continue;
    const start = writer.beginAttribute(field.typeFor(value));
    field.codec.write(writer, value);
    writer.endAttribute(start);
  }
}

/** Reads the known attributes in [start, end); unknown ones are skipped, a repeated one's last value stays. */
export function readFields<F extends Table>(
  fields: Fields<F>,
  bytes: Buffer,
  start: number,
  end: number,
): ValuesOf<F> {
  const values: Record<string, unknown> = {};
  forEachAttribute(bytes, start, end, (type, from, to) => {
    const entry = fields.byType[type];
    if (entry) values[entry.name] = entry.field.codec.read(bytes, from, to);
  });
  return values as ValuesOf<F>;
}

/** Walks the attributes in [start, end): the type, and where the payload is. */
export function forEachAttribute(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (type: number, start: number, end: number) => void,
): void {
  for (let at = start; end - at >= 4; ) {
    const length = u16At(bytes, at);
    if (length < 4 || at + length > end)
      throw malformed(`an attribute of ${length} bytes where ${end - at} are left`);
    visit(u16At(bytes, at + 2) & NLA_TYPE_MASK, at + 4, at + length);
    at += (length + 3) & ~3;
  }
}

function needs(bytes: number, start: number, end: number): void {
  if (end - start < bytes) throw malformed(`an attribute payload of ${end - start} bytes, not ${bytes}`);
}

export const u8 = {
  write: (writer, value) => writer.u8(value),
  read(bytes, start, end) {
    needs(1, start, end);
    return bytes[start]!;
  },
} satisfies Codec<number>;

/** A u8 that is 0 or 1, as most switches of devices and ports are. */
export const bool = {
  write: (writer, value) => writer.u8(value ? 1 : 0),
  read: (bytes, start, end) => u8.read(bytes, start, end) !== 0,
} satisfies Codec<boolean>;

export const u16 = {
  write: (writer, value) => writer.u16(value),
  read(bytes, start, end) {
    needs(2, start, end);
    return bytes.readUInt16LE(start);
  },
} satisfies Codec<number>;

/** Network byte order: UDP ports. */
export const be16 = {
  write: (writer, value) => writer.be16(value),
  read(bytes, start, end) {
    needs(2, start, end);
    return bytes.readUInt16BE(start);
  },
} satisfies Codec<number>;

export const u32 = {
  write: (writer, value) => writer.u32(value),
  read(bytes, start, end) {
    needs(4, start, end);
    return bytes.readUInt32LE(start);
  },
} satisfies Codec<number>;

/** Network byte order: all numbers of nf_tables. */
export const be32 = {
  write: (writer, value) => writer.be32(value),
  read(bytes, start, end) {
    needs(4, start, end);
    return bytes.readUInt32BE(start);
  },
} satisfies Codec<number>;

/** Numbers of nf_tables that can be large, though none of them is beyond 2^53. */
export const be64 = {
  write(writer, value) {
    writer.be32(Math.floor(value / 2 ** 32));
    writer.be32(value % 2 ** 32);
  },
  read(bytes, start, end) {
    needs(8, start, end);
    return Number(bytes.readBigUInt64BE(start));
  },
} satisfies Codec<number>;

/** Bytes that mean something elsewhere; read as a copy. */
export const raw = {
  write: (writer, value) => writer.raw(value),
  read: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
} satisfies Codec<Uint8Array>;

export const s32 = {
  write: (writer, value) => writer.u32(value >>> 0),
  read(bytes, start, end) {
    needs(4, start, end);
    return bytes.readInt32LE(start);
  },
} satisfies Codec<number>;

/** NUL-terminated text. A NUL inside would silently name another object, so it is refused. */
export const string = {
  write(writer, value) {
    if (value.includes('\0')) throw unencodable(`${JSON.stringify(value)} contains a NUL`);
    writer.text(value);
  },
  read(bytes, start, end) {
    let stop = start;
    while (stop < end && bytes[stop] !== 0) stop++;
    return bytes.toString('utf8', start, stop);
  },
} satisfies Codec<string>;

/** Six bytes. A tunnel's hardware address is an IP address, or nothing: no MAC. */
export const mac: Codec<string> = {
  write: (writer, value) => writeMac(value, writer.bytes, writer.take(6)),
  read: (bytes, start, end) => (end - start === 6 ? readMac(bytes, start) : undefined),
};

/** Four bytes or sixteen. Dumps of all families hold others' addresses too (MCTP, Phonet: one byte). */
export const ip: Codec<string> = {
  write: (writer, value) => writeIp(value, writer.bytes, writer.take(familyOf(value) === AF_INET ? 4 : 16)),
  read: (bytes, start, end) =>
    end - start === 4 || end - start === 16 ? readIp(bytes, start, end) : undefined,
};

/** Attributes within an attribute. */
export function nest<F extends Table>(fields: Fields<F>): Codec<ValuesOf<F>> {
  return {
    write: (writer, values) => writeFields(writer, fields, values),
    read: (bytes, start, end) => readFields(fields, bytes, start, end),
  };
}

/** A number that has names, e.g. the modes of a macvlan; numbers without a name are read as "#5". */
export function named<N extends string>(codec: typeof u8, names: Record<N, number>): Codec<N> {
  const byNumber = new Map(Object.entries<number>(names).map(([name, number]) => [number, name as N]));
  return {
    write(writer, value) {
      const number = names[value];
      if (number === undefined) throw unencodable(`"${value}" is none of ${Object.keys(names).join(', ')}`);
      codec.write(writer, number);
    },
    read(bytes, start, end) {
      const number = codec.read(bytes, start, end);
      return byNumber.get(number) ?? (`#${number}` as N);
    },
  };
}
