import {
  type Codec,
  defineFields,
  type Fields,
  field,
  forEachAttribute,
  NLA_F_NESTED,
  raw,
  readFields,
  string,
} from '../attributes.ts';
import { type Message, requireBody } from '../message.ts';
import { compare, immediate, META, match, meta, VERDICTS } from './expression.ts';
import { familyOfBody, NFGENMSG_BYTES, type TableFamily } from './message.ts';
import { commentOf, RULE_PLACE } from './tables.ts';

/** What a rule does, whoever wrote it, as far as one need know who only asks whether packets get past it. */
export interface RuleEffect {
  readonly family: TableFamily | undefined;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly comment?: string;
  /** Whether it is for some packets only, as far as is known: one that does something unknown may be. */
  readonly conditional: boolean;
  readonly verdict?: 'accept' | 'drop' | 'reject' | 'return';
  /** The chain that it jumps or goes to. */
  readonly chainAfter?: { readonly how: 'jump' | 'goto'; readonly chain: string };
  /** The interfaces that it names, as they are compared: the beginning of a name, when it ends in `*`. */
  readonly interfaces: readonly string[];
}

/** What is read later, by another table. */
interface Span {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}
const span: Codec<Span> = { write: () => {}, read: (bytes, start, end) => ({ bytes, start, end }) };
const NOTHING: Span = { bytes: Buffer.alloc(0), start: 0, end: 0 };

/** NFTA_RULE_*, NFTA_LIST_ELEM, NFTA_EXPR_* of linux/netfilter/nf_tables.h. */
const ruleFields = defineFields({
  ...RULE_PLACE,
  expressions: field(4 | NLA_F_NESTED, span),
  userdata: field(7, raw),
});
const expressionFields = defineFields({ name: field(1, string), data: field(2 | NLA_F_NESTED, span) });

/** They look at nothing. */
const UNCONDITIONAL: ReadonlySet<string> = new Set([
  'counter',
  'immediate',
  'log',
  'reject',
  'target',
  'notrack',
]);
const CODES = new Map(
  Object.entries(VERDICTS).map(([name, code]) => [code >>> 0, name as keyof typeof VERDICTS]),
);

export function decodeRuleEffect(message: Message): RuleEffect {
  const body = requireBody(message, NFGENMSG_BYTES);
  const {
    table = '',
    chain = '',
    handle,
    expressions,
    userdata,
  } = readFields(ruleFields, body, NFGENMSG_BYTES, body.length);
  return {
    family: familyOfBody(body),
    table,
    chain,
    handle: handle ?? 0,
    comment: commentOf(userdata),
    ...effectOf(expressions ?? NOTHING),
  };
}

type Effect = { -readonly [K in 'comment' | 'verdict' | 'chainAfter']?: RuleEffect[K] };

function effectOf(list: Span): Effect & Pick<RuleEffect, 'conditional' | 'interfaces'> {
  const effect: Effect = {};
  const interfaces: string[] = [];
  let [conditional, loaded] = [false, 0];
  forEachAttribute(list.bytes, list.start, list.end, (_, start, end) => {
    const { name = '', data = NOTHING } = readFields(expressionFields, list.bytes, start, end);
    const extension = name === 'match' || name === 'target' ? read(match, data) : {};
    if (name === 'match' && extension.name === 'comment') {
      effect.comment = textOf(extension.info);
      return;
    }
    conditional ||= !UNCONDITIONAL.has(name);
    if (name === 'meta') loaded = read(meta, data).key ?? 0;
    else if (name === 'cmp' && (loaded === META.iifname || loaded === META.oifname))
      interfaces.push(textOf(read(compare, data).data?.value));
    else if (name === 'reject' || extension.name === 'REJECT') effect.verdict = 'reject';
    else if (name === 'immediate') Object.assign(effect, verdictOf(read(immediate, data).data?.verdict));
  });
  return { ...effect, conditional, interfaces };
}

// biome-ignore lint/suspicious/noExplicitAny: each table has fields of its own
const read = <F extends Record<string, any>>(fields: Fields<F>, { bytes, start, end }: Span) =>
  readFields(fields, bytes, start, end);

function verdictOf(verdict: { code?: number; chain?: string } | undefined): Effect {
  const name = CODES.get(verdict?.code ?? -1);
  if (name === 'jump' || name === 'goto') return { chainAfter: { how: name, chain: verdict?.chain ?? '' } };
  return name ? { verdict: name } : {};
}

const textOf = (bytes: Uint8Array = new Uint8Array()): string =>
  Buffer.from(bytes).toString('latin1').replace(/\0.*$/s, '');
