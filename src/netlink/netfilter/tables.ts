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
import { type Expression, expressions } from './expression.ts';
import { NFGENMSG_BYTES, NFT_MSG, startTables } from './message.ts';

/** Tables, base chains and rules of the family `bridge`. Numbers: NFTA_* of linux/netfilter/nf_tables.h. */

const tableFields = defineFields({ table: field(1, string) });

/** enum nf_br_hook_priorities and NF_BR_*, linux/netfilter_bridge.h; before br_netfilter and ebtables have a look. */
const HOOKS = { prerouting: 0, postrouting: 4 } as const;
export type BridgeHook = keyof typeof HOOKS;
const PRIORITY = -300;

const hookFields = defineFields({ number: field(1, be32), priority: field(2, be32) });
const chainFields = defineFields({
  table: field(1, string),
  chain: field(3, string),
  hook: field(4 | NLA_F_NESTED, nest(hookFields)),
  type: field(7, string),
});
const ruleFields = defineFields({
  table: field(1, string),
  chain: field(2, string),
  expressions: field(4 | NLA_F_NESTED, expressions),
  userdata: field(7, raw),
});

/** NFTNL_UDATA_RULE_COMMENT: type 0, length, NUL-terminated text; what nft(8) shows as `comment "…"`. */
const COMMENT = 0;

function userdataOf(comment: string): Uint8Array {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.from([COMMENT, text.length, ...text]);
}

function commentOf(userdata: Uint8Array | undefined): string | undefined {
  if (!userdata || userdata[0] !== COMMENT || userdata.length < 2 + userdata[1]!) return undefined;
  return Buffer.from(userdata.subarray(2, 1 + userdata[1]!)).toString();
}

/** `nft add table bridge NAME`: there already is success. */
export function encodeAddTable(table: string): Request {
  startTables(NFT_MSG.NEWTABLE, NLM_F.CREATE);
  writeFields(writer, tableFields, { table });
  return writer.finish();
}

/** `nft delete table bridge NAME`, with all in it. ENOENT when absent. */
export function encodeDeleteTable(table: string): Request {
  startTables(NFT_MSG.DELTABLE, 0);
  writeFields(writer, tableFields, { table });
  return writer.finish();
}

/** `nft add chain bridge TABLE CHAIN { type filter hook … }`: there already is success. */
export function encodeAddChain(table: string, chain: string, hook: BridgeHook): Request {
  startTables(NFT_MSG.NEWCHAIN, NLM_F.CREATE);
  writeFields(writer, chainFields, {
    table,
    chain,
    hook: { number: HOOKS[hook], priority: PRIORITY >>> 0 },
    type: 'filter',
  });
  return writer.finish();
}

/** `nft delete chain …`, which must have no rules. ENOENT when absent. */
export function encodeDeleteChain(table: string, chain: string): Request {
  startTables(NFT_MSG.DELCHAIN, 0);
  writeFields(writer, chainFields, { table, chain });
  return writer.finish();
}

/** `nft flush chain …` */
export function encodeFlushChain(table: string, chain: string): Request {
  startTables(NFT_MSG.DELRULE, 0);
  writeFields(writer, ruleFields, { table, chain });
  return writer.finish();
}

export interface Rule {
  readonly chain: string;
  readonly expressions: readonly Expression[];
  readonly comment: string;
}

/** `nft add rule …`, behind those that are there. */
export function encodeAddRule(table: string, { chain, expressions, comment }: Rule): Request {
  startTables(NFT_MSG.NEWRULE, NLM_F.CREATE | NLM_F.APPEND);
  writeFields(writer, ruleFields, { table, chain, expressions, userdata: userdataOf(comment) });
  return writer.finish();
}

/** All chains of the family. */
export function encodeDumpChains(): Request {
  startTables(NFT_MSG.GETCHAIN, NLM_F.DUMP);
  return writer.finish();
}

/** All rules of the family; none when the kernel has no such table. */
export function encodeDumpRules(table: string): Request {
  startTables(NFT_MSG.GETRULE, NLM_F.DUMP);
  writeFields(writer, ruleFields, { table });
  return writer.finish();
}

export function decodeChain(message: Message): { table: string; chain: string; isBase: boolean } {
  const body = requireBody(message, NFGENMSG_BYTES);
  const { table = '', chain = '', hook } = readFields(chainFields, body, NFGENMSG_BYTES, body.length);
  return { table, chain, isBase: hook !== undefined };
}

export function decodeRule(message: Message): { table: string; chain: string; comment?: string } {
  const body = requireBody(message, NFGENMSG_BYTES);
  const { table = '', chain = '', userdata } = readFields(ruleFields, body, NFGENMSG_BYTES, body.length);
  return { table, chain, comment: commentOf(userdata) };
}
