import { familyOf, type Ip } from './ip.ts';
import type { KernelObject, NamespaceName } from './kernel-state.ts';
import type { Mac } from './mac.ts';
import type { Permit } from './permit.ts';
import { addressBytes } from './words.ts';

/** Tables of nftables named `weft`, as values: chains with all their rules, sets, and what is in the sets. */

/** `bridge`: frames on their way through bridges; `inet`: IPv4 and IPv6 packets. */
export type FilterFamily = 'bridge' | 'inet' | 'ip' | 'ip6';

/** Its table comes with it, and goes with the last chain or set. */
export interface Chain {
  readonly kind: 'chain';
  readonly ns: NamespaceName;
  readonly family: FilterFamily;
  readonly name: string;
  /** Where it hears packets; without one it is only a target of other chains. */
  readonly hook?: ChainHook;
  readonly rules: readonly Rule[];
}

export interface ChainHook {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

/** A rule is known by its text, which is written into its comment (see {@link commentOf}). */
export interface Rule {
  /** As nft(8) has it. */
  readonly text: string;
  /** Absent when observed. */
  readonly statements?: readonly Statement[];
}

export type Statement =
  | { readonly does: 'compare'; readonly field: Field; readonly value: Value; readonly how?: '!=' | '>=' }
  | {
      readonly does: 'look up';
      readonly fields: readonly Field[];
      readonly set: SetShape;
      readonly not?: boolean;
    }
  /** Makes the packet count in a set that counts. */
  | { readonly does: 'count'; readonly fields: readonly Field[]; readonly set: SetShape }
  /** Whoever looks at the packet afterwards finds the number. */
  | { readonly does: 'mark'; readonly mark: number }
  /** What conntrack says of the connection, any of these. */
  | { readonly does: 'track'; readonly key: 'state'; readonly any: readonly ConnectionState[] }
  | { readonly does: 'track'; readonly key: 'status'; readonly any: readonly ['dnat'] }
  /** Whether it is for an address of this host. */
  | { readonly does: 'local' }
  /** The host's own address instead of the sender's, of the device that it leaves by. */
  | { readonly does: 'masquerade' }
  | { readonly does: 'translate'; readonly address: Ip; readonly port: number }
  /** A frame's target becomes this one. */
  | { readonly does: 'turn'; readonly to: Mac }
  /** TCP segments no larger than the way out takes. */
  | { readonly does: 'clamp' }
  | { readonly does: 'accept' | 'drop' | 'return' }
  | { readonly does: 'goto' | 'jump'; readonly chain: string };

export type ConnectionState = 'new' | 'established' | 'related' | 'invalid';

/** Something of a packet. */
export interface Field {
  /** As nft(8) has it. */
  readonly text: string;
  readonly type: ValueType;
  readonly from:
    | { readonly meta: 'protocol' | 'iifname' | 'oifname' | 'nfproto' | 'l4proto' | 'mark' }
    /** So many bytes behind the start of that header. */
    | { readonly base: 'link' | 'network' | 'transport'; readonly at: number };
}

export type ValueType = 'ifname' | 'mac' | 'ipv4' | 'ipv6' | 'u8' | 'u16' | 'vni' | 'mark';

/** What a set is; its elements are objects of their own. */
export interface SetShape {
  readonly family: FilterFamily;
  readonly name: string;
  readonly key: readonly ValueType[];
  /** What nft(8) is to take its keys for, to find bytes in it that have no name there: which is not kept. */
  readonly typeof?: readonly Field[];
  /** Of a map: what its elements lead to. */
  readonly value?: readonly ValueType[];
  /** Rules put elements into it and count by them; no more than so many. */
  readonly countsUpTo?: number;
}

export interface FilterSet {
  readonly kind: 'set';
  readonly ns: NamespaceName;
  readonly shape: SetShape;
}

export interface Element {
  readonly kind: 'element';
  readonly ns: NamespaceName;
  readonly set: SetShape;
  /** Empty of what somebody made for all that are not there: `*`. */
  readonly key: readonly Value[];
  /** Of a map. */
  readonly value?: readonly Value[];
  /** Observed, in a set that counts. */
  readonly packets?: number;
}

export type FilterObject = Chain | FilterSet | Element;

/** In tables of ours, or a rule of ours in another's. */
export const isFilter = (object: KernelObject): object is FilterObject | Permit =>
  FILTER_KINDS.has(object.kind);
const FILTER_KINDS: ReadonlySet<string> = new Set(['set', 'element', 'chain', 'permit']);

export const familyOfFilter = (object: FilterObject): FilterFamily =>
  object.kind === 'chain' ? object.family : object.kind === 'set' ? object.shape.family : object.set.family;

/** NFTNL_UDATA_COMMENT_MAXLEN of libnftnl, with the NUL. */
const LONGEST_COMMENT = 127;

/** What a rule is read back by: its text, of which a comment does not hold all. Of one that was read it is the same. */
export const commentOf = ({ text }: Rule): string =>
  text.length <= LONGEST_COMMENT ? text : `${text.slice(0, LONGEST_COMMENT - 9)}#${checksum(text)}`;

/** FNV-1a */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Addresses and names in their canonical text. */
export type Value = string | number;

export const rule = (...statements: readonly Statement[]): Rule => ({
  text: statements.map(textOf).join(' '),
  statements,
});

export const is = (field: Field, value: Value): Statement => ({ does: 'compare', field, value });
export const isNot = (field: Field, value: Value): Statement => ({
  does: 'compare',
  field,
  value,
  how: '!=',
});
export const isAtLeast = (field: Field, value: Value): Statement => ({
  does: 'compare',
  field,
  value,
  how: '>=',
});
export const isIn = (set: SetShape, ...fields: Field[]): Statement => ({ does: 'look up', fields, set });
export const isNotIn = (set: SetShape, ...fields: Field[]): Statement => ({
  does: 'look up',
  fields,
  set,
  not: true,
});
export const countIn = (set: SetShape, ...fields: Field[]): Statement => ({ does: 'count', fields, set });
export const setMark = (mark: number): Statement => ({ does: 'mark', mark });
export const accept: Statement = { does: 'accept' };
export const drop: Statement = { does: 'drop' };
export const connection = (...any: ConnectionState[]): Statement => ({ does: 'track', key: 'state', any });
/** Its target was translated: by a rule that let it in. */
export const isTranslated: Statement = { does: 'track', key: 'status', any: ['dnat'] };
export const isLocal: Statement = { does: 'local' };
export const masquerade: Statement = { does: 'masquerade' };
export const translateTo = (address: Ip, port: number): Statement => ({ does: 'translate', address, port });
export const turnTo = (to: Mac): Statement => ({ does: 'turn', to });
export const clampSegments: Statement = { does: 'clamp' };
export const goTo = (chain: string): Statement => ({ does: 'goto', chain });

function textOf(statement: Statement): string {
  switch (statement.does) {
    case 'compare':
      return `${statement.field.text} ${statement.how ? `${statement.how} ` : ''}${valueText(statement.field, statement.value)}`;
    case 'look up':
      return `${joined(statement.fields)} ${statement.not ? '!= ' : ''}@${statement.set.name}`;
    case 'count':
      return `update @${statement.set.name} { ${joined(statement.fields)} counter }`;
    case 'mark':
      return `meta mark set ${statement.mark}`;
    case 'goto':
    case 'jump':
      return `${statement.does} ${statement.chain}`;
    case 'track':
      return `ct ${statement.key} ${statement.any.join(',')}`;
    case 'local':
      return 'fib daddr type local';
    case 'translate':
      return familyOf(statement.address) === 4
        ? `dnat ip to ${statement.address}:${statement.port}`
        : `dnat ip6 to [${statement.address}]:${statement.port}`;
    case 'turn':
      return `ether daddr set ${statement.to}`;
    case 'clamp':
      return 'meta l4proto tcp tcp flags syn / fin,syn,rst tcp option maxseg size set rt mtu';
    default:
      return statement.does;
  }
}

/** Bytes without a name are a number to nft(8), whatever we take them for. */
export function valueText({ text, type }: Pick<Field, 'text' | 'type'>, value: Value): Value {
  if (type === 'vni') return `0x${Number(value).toString(16).padStart(6, '0')}00`;
  if (!text.startsWith('@') || (type !== 'ipv6' && type !== 'mac')) return value;
  const bytes = type === 'mac' ? String(value).split(':') : Array.from(addressBytes(value as Ip), hexOf);
  return `0x${bytes.join('')}`;
}

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

/** The chains that a rule leads to. */
export const targetsOf = ({ statements = [] }: Rule): string[] =>
  statements.flatMap((statement) => ('chain' in statement ? statement.chain : []));

const joined = (fields: readonly Field[]): string => fields.map(({ text }) => text).join(' . ');
