import {
  be32,
  be64,
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
import {
  familyOfBody,
  NFGENMSG_BYTES,
  NFT_MSG,
  type SeenFamily,
  startTables,
  type TableFamily,
} from './message.ts';

/** Tables, base chains and rules. Numbers: NFTA_* of linux/netfilter/nf_tables.h. */

export interface Table {
  readonly family: TableFamily;
  readonly name: string;
}

const tableFields = defineFields({ table: field(1, string), flags: field(2, be32) });
/** NFT_TABLE_F_DORMANT: none of its chains hears anything. */
const DORMANT = 1;

/** NF_INET_*, linux/netfilter.h; the same numbers as NF_BR_*, linux/netfilter_bridge.h. */
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

const HOOK_NAMES = Object.keys(HOOKS) as (keyof typeof HOOKS)[];

/** linux/netfilter.h */
const POLICIES = ['drop', 'accept'] as const;

/** What a base chain is: `type TYPE hook HOOK priority PRIORITY; policy POLICY`. */
export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: keyof typeof HOOKS;
  /** Lower ones come first. */
  readonly priority: number;
  /** Default: accept. */
  readonly policy?: (typeof POLICIES)[number];
}

const hookFields = defineFields({
  number: field(1, be32),
  priority: field(2, be32),
  device: field(3, string),
});
/** linux/netfilter.h */
const NF_NETDEV_INGRESS = 0;
const chainFields = defineFields({
  table: field(1, string),
  chain: field(3, string),
  hook: field(4 | NLA_F_NESTED, nest(hookFields)),
  policy: field(5, be32),
  type: field(7, string),
});
/** Where a rule is. */
export const RULE_PLACE = { table: field(1, string), chain: field(2, string), handle: field(3, be64) };
const ruleFields = defineFields({
  ...RULE_PLACE,
  expressions: field(4 | NLA_F_NESTED, expressions),
  before: field(6, be64),
  userdata: field(7, raw),
});

/** NFTNL_UDATA_RULE_COMMENT: type 0, length, NUL-terminated text; what nft(8) shows as `comment "…"`. */
const COMMENT = 0;

function userdataOf(comment: string): Uint8Array {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.from([COMMENT, text.length, ...text]);
}

export function commentOf(userdata: Uint8Array | undefined): string | undefined {
  if (!userdata || userdata[0] !== COMMENT || userdata.length < 2 + userdata[1]!) return undefined;
  return Buffer.from(userdata.subarray(2, 1 + userdata[1]!)).toString();
}

/** `nft add table FAMILY NAME`: there already is success, and one that is dormant wakes. */
export function encodeAddTable({ family, name }: Table): Request {
  startTables(NFT_MSG.NEWTABLE, NLM_F.CREATE, family);
  writeFields(writer, tableFields, { table: name, flags: 0 });
  return writer.finish();
}

/** `nft delete table FAMILY NAME`, with all in it. ENOENT when absent. */
export function encodeDeleteTable({ family, name }: Table): Request {
  startTables(NFT_MSG.DELTABLE, 0, family);
  writeFields(writer, tableFields, { table: name });
  return writer.finish();
}

/** `nft add chain FAMILY TABLE CHAIN { type … hook … priority …; }`: there already is success. */
export function encodeAddChain({ family, name }: Table, chain: string, base?: BaseChain): Request {
  startTables(NFT_MSG.NEWCHAIN, NLM_F.CREATE, family);
  writeFields(writer, chainFields, {
    table: name,
    chain,
    ...(base && {
      hook: { number: HOOKS[base.hook], priority: base.priority >>> 0 },
      policy: POLICIES.indexOf(base.policy ?? 'accept'),
      type: base.type,
    }),
  });
  return writer.finish();
}

/** `nft add chain netdev TABLE CHAIN { type filter hook ingress device DEVICE priority 0; }` */
export function encodeAddIngressChain(table: string, chain: string, device: string): Request {
  startTables(NFT_MSG.NEWCHAIN, NLM_F.CREATE, 'netdev');
  writeFields(writer, chainFields, {
    ...{ table, chain, type: 'filter', policy: POLICIES.indexOf('accept') },
    hook: { number: NF_NETDEV_INGRESS, priority: 0, device },
  });
  return writer.finish();
}

/** All tables of all families. */
export function encodeDumpTables(): Request {
  startTables(NFT_MSG.GETTABLE, NLM_F.DUMP);
  return writer.finish();
}

export interface SeenTable {
  readonly family: SeenFamily | undefined;
  readonly table: string;
  readonly isDormant: boolean;
}

export function decodeTable(message: Message): SeenTable {
  const body = requireBody(message, NFGENMSG_BYTES);
  const { table = '', flags = 0 } = readFields(tableFields, body, NFGENMSG_BYTES, body.length);
  return { family: familyOfBody(body), table, isDormant: (flags & DORMANT) !== 0 };
}

/** `nft delete chain …`, which must have no rules and be nobody's target. ENOENT when absent. */
export function encodeDeleteChain({ family, name }: Table, chain: string): Request {
  startTables(NFT_MSG.DELCHAIN, 0, family);
  writeFields(writer, chainFields, { table: name, chain });
  return writer.finish();
}

/** `nft flush chain …` */
export function encodeFlushChain({ family, name }: Table, chain: string): Request {
  startTables(NFT_MSG.DELRULE, 0, family);
  writeFields(writer, ruleFields, { table: name, chain });
  return writer.finish();
}

export interface Rule {
  readonly chain: string;
  readonly expressions: readonly Expression[];
  readonly comment: string;
  /** The handle of another rule of the chain. Default: behind those that are there. */
  readonly before?: number;
}

/** `nft add rule …`, `nft insert rule … handle BEFORE`. ENOENT when that one is absent. */
export function encodeAddRule({ family, name }: Table, { comment, ...rule }: Rule): Request {
  const where = rule.before === undefined ? NLM_F.APPEND : 0;
  startTables(NFT_MSG.NEWRULE, NLM_F.CREATE | where, family);
  writeFields(writer, ruleFields, { table: name, ...rule, userdata: userdataOf(comment) });
  return writer.finish();
}

/** `nft delete rule … handle HANDLE`. ENOENT when absent. */
export function encodeDeleteRule({ family, name }: Table, chain: string, handle: number): Request {
  startTables(NFT_MSG.DELRULE, 0, family);
  writeFields(writer, ruleFields, { table: name, chain, handle });
  return writer.finish();
}

/** All chains of a family, or of all. */
export function encodeDumpChains(family?: TableFamily): Request {
  startTables(NFT_MSG.GETCHAIN, NLM_F.DUMP, family);
  return writer.finish();
}

/**
 * All rules of the table, or of one chain of it; those of all when the kernel is old. Without a family it would tell of
 * one table only.
 */
export function encodeDumpRules({ family, name }: Table, chain?: string): Request {
  startTables(NFT_MSG.GETRULE, NLM_F.DUMP, family);
  writeFields(writer, ruleFields, { table: name, chain });
  return writer.finish();
}

export interface SeenChain {
  readonly family: SeenFamily | undefined;
  readonly table: string;
  readonly chain: string;
  readonly base?: Required<BaseChain>;
}

export function decodeChain(message: Message): SeenChain {
  const body = requireBody(message, NFGENMSG_BYTES);
  const seen = readFields(chainFields, body, NFGENMSG_BYTES, body.length);
  const { table = '', chain = '', hook, policy = 1, type = 'filter' } = seen;
  return {
    family: familyOfBody(body),
    table,
    chain,
    ...(hook && {
      base: {
        type: type as BaseChain['type'],
        hook: HOOK_NAMES[hook.number ?? 0] ?? 'prerouting',
        priority: (hook.priority ?? 0) | 0,
        policy: POLICIES[policy] ?? 'accept',
      },
    }),
  };
}

export interface SeenRule {
  readonly family: SeenFamily | undefined;
  readonly table: string;
  readonly chain: string;
  readonly comment?: string;
}

export function decodeRule(message: Message): SeenRule {
  const body = requireBody(message, NFGENMSG_BYTES);
  const { table = '', chain = '', userdata } = readFields(ruleFields, body, NFGENMSG_BYTES, body.length);
  return { family: familyOfBody(body), table, chain, comment: commentOf(userdata) };
}

/** Which chain an event of nf_tables is about, itself or a rule of it; undefined for others. */
export function decodeChangedChain(message: Message): SeenChain | undefined {
  const type = message.type & 0xff;
  if (type === NFT_MSG.NEWCHAIN || type === NFT_MSG.DELCHAIN) return decodeChain(message);
  return type === NFT_MSG.NEWRULE || type === NFT_MSG.DELRULE ? decodeRule(message) : undefined;
}

/** Attribute 1 of each of their messages; the others are of another kind in each. */
const tableNameFields = defineFields({ table: field(1, string) });

/** Which table an event of nf_tables is about. */
export function decodeTableName(message: Message): string {
  const body = requireBody(message, NFGENMSG_BYTES);
  return readFields(tableNameFields, body, NFGENMSG_BYTES, body.length).table ?? '';
}
