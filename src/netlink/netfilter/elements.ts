import {
  be32,
  be64,
  type Codec,
  defineFields,
  field,
  forEachAttribute,
  NLA_F_NESTED,
  nest,
  readFields,
  string,
  writeFields,
} from '../attributes.ts';
import { type Message, NLM_F, type Request, requireBody } from '../message.ts';
import { writer } from '../message-writer.ts';
import { data } from './expression.ts';
import { NFGENMSG_BYTES, NFT_MSG, startTables } from './message.ts';
import type { Table } from './tables.ts';

/** Elements of sets and maps. Numbers: NFTA_SET_ELEM_*, NFTA_COUNTER_* of linux/netfilter/nf_tables.h. */

const counter = defineFields({ packets: field(2, be64) });
const named = defineFields({ name: field(1, string) });
const expression = defineFields({ data: field(2 | NLA_F_NESTED, nest(counter)) });
/** Others' elements may have other expressions, whose attributes have the same numbers. */
const packetsOf: Codec<number> = {
  write: () => {},
  read(bytes, start, end) {
    if (readFields(named, bytes, start, end).name !== 'counter') return undefined;
    return readFields(expression, bytes, start, end).data?.packets;
  },
};
const elementFields = defineFields({
  key: field(1 | NLA_F_NESTED, nest(data)),
  data: field(2 | NLA_F_NESTED, nest(data)),
  flags: field(3, be32),
  packets: field(7 | NLA_F_NESTED, packetsOf),
});

/** enum nft_set_elem_flags: whatever no other element is. */
const NFT_SET_ELEM_CATCHALL = 0x2;

/** Bytes as the kernel compares them: each part of a key begins at a multiple of four. */
export interface SetElement {
  /** Absent of the one for all others: `*` of nft(8). */
  readonly key?: Uint8Array;
  /** Of a map. */
  readonly value?: Uint8Array;
  /** Seen only: of a set that counts. */
  readonly packets?: number;
}

const elementList: Codec<readonly SetElement[]> = {
  write(writer, list) {
    for (const { key, value } of list) {
      const item = writer.beginAttribute(1 | NLA_F_NESTED);
      const which = key ? { key: { value: key } } : { flags: NFT_SET_ELEM_CATCHALL };
      writeFields(writer, elementFields, { ...which, data: value && { value } });
      writer.endAttribute(item);
    }
  },
  read(bytes, start, end) {
    const list: SetElement[] = [];
    forEachAttribute(bytes, start, end, (_, from, to) => {
      const seen = readFields(elementFields, bytes, from, to);
      const { key, data: value, packets } = seen;
      list.push({ key: key?.value, value: value?.value, packets });
    });
    return list;
  },
};

const listFields = defineFields({
  table: field(1, string),
  set: field(2, string),
  elements: field(3 | NLA_F_NESTED, elementList),
});

/** `nft add element …`: there already is success. A map's with another value is EEXIST. */
export const encodeAddElements = (ref: Table, set: string, elements: readonly SetElement[]): Request =>
  encode(NFT_MSG.NEWSETELEM, NLM_F.CREATE, ref, set, elements);

/** `nft delete element …`. ENOENT when one is absent. */
export const encodeDeleteElements = (ref: Table, set: string, elements: readonly SetElement[]): Request =>
  encode(NFT_MSG.DELSETELEM, 0, ref, set, elements);

function encode(
  type: number,
  flags: number,
  { family, name: table }: Table,
  set: string,
  elements: readonly SetElement[],
): Request {
  startTables(type, flags, family);
  writeFields(writer, listFields, { table, set, elements });
  return writer.finish();
}

/** All of a set. ENOENT without it. */
export function encodeDumpElements({ family, name: table }: Table, set: string): Request {
  startTables(NFT_MSG.GETSETELEM, NLM_F.DUMP, family);
  writeFields(writer, listFields, { table, set });
  return writer.finish();
}

/** Of one message of the dump. */
export function decodeElements(message: Message): readonly SetElement[] {
  const body = requireBody(message, NFGENMSG_BYTES);
  return readFields(listFields, body, NFGENMSG_BYTES, body.length).elements ?? [];
}
