import {
  be32,
  defineFields,
  field,
  NLA_F_NESTED,
  nest,
  raw,
  readFields,
  string,
  writeFields,
} from '../attributes.ts';
import { type Message, NLM_F, type Request, requireBody } from '../message.ts';
import { writer } from '../message-writer.ts';
import { COUNTER } from './expression.ts';
import {
  familyOfBody,
  NFGENMSG_BYTES,
  NFT_MSG,
  type SeenFamily,
  startTables,
  type TableFamily,
} from './message.ts';
import type { Table } from './tables.ts';

/** Sets and maps. Numbers: NFTA_SET_* of linux/netfilter/nf_tables.h. */

/** enum nft_set_flags */
const FLAGS = { map: 0x8, evaluated: 0x20 } as const;

const description = defineFields({ size: field(1, be32) });
const setFields = defineFields({
  table: field(1, string),
  name: field(2, string),
  flags: field(3, be32),
  keyType: field(4, be32),
  keyBytes: field(5, be32),
  dataType: field(6, be32),
  dataBytes: field(7, be32),
  description: field(9 | NLA_F_NESTED, nest(description)),
  id: field(10, be32),
  userdata: field(13, raw),
  counter: field(17 | NLA_F_NESTED, COUNTER),
});

/** What an element is known by, and with a map what it leads to; types are nft(8)'s own numbers (datatype.h). */
export interface SetShape {
  readonly name: string;
  readonly keyType: number;
  readonly keyBytes: number;
  readonly dataType?: number;
  readonly dataBytes?: number;
  /** Rules add elements, each with a counter, but no more than so many. */
  readonly countedUpTo?: number;
  /** Not for the kernel. */
  readonly userdata?: Uint8Array;
}

/** `nft add set …`, `nft add map …`: there already is success, when it is alike. */
export function encodeAddSet({ family, name: table }: Table, set: SetShape): Request {
  const { name, keyType, keyBytes, dataType, dataBytes, countedUpTo, userdata } = set;
  startTables(NFT_MSG.NEWSET, NLM_F.CREATE, family);
  writeFields(writer, setFields, {
    table,
    name,
    flags: (dataType === undefined ? 0 : FLAGS.map) | (countedUpTo === undefined ? 0 : FLAGS.evaluated),
    keyType,
    keyBytes,
    dataType,
    dataBytes,
    ...(countedUpTo !== undefined && {
      description: { size: countedUpTo },
      counter: true,
    }),
    userdata,
    // By which rules of the same transaction could name it; ours use its name.
    id: 1,
  });
  return writer.finish();
}

/** `nft delete set …`, which no rule may name any more. ENOENT when absent. */
export function encodeDeleteSet({ family, name: table }: Table, name: string): Request {
  startTables(NFT_MSG.DELSET, 0, family);
  writeFields(writer, setFields, { table, name });
  return writer.finish();
}

/** All sets of a family, or of all. */
export function encodeDumpSets(family?: TableFamily): Request {
  startTables(NFT_MSG.GETSET, NLM_F.DUMP, family);
  return writer.finish();
}

export interface SeenSet extends SetShape {
  readonly family: SeenFamily | undefined;
  readonly table: string;
}

export function decodeSet(message: Message): SeenSet {
  const body = requireBody(message, NFGENMSG_BYTES);
  const {
    table = '',
    name = '',
    flags = 0,
    ...shape
  } = readFields(setFields, body, NFGENMSG_BYTES, body.length);
  const { keyType = 0, keyBytes = 0, dataType, dataBytes, description: { size } = {} } = shape;
  return {
    family: familyOfBody(body),
    table,
    name,
    keyType,
    keyBytes,
    ...(flags & FLAGS.map && { dataType, dataBytes }),
    ...(flags & FLAGS.evaluated && { countedUpTo: size }),
  };
}
