import type { NamespaceName } from './kernel-state.ts';

/**
 * A rule of ours in another's chain, which would drop what this host forwards for Weft: an accept in our own table does
 * not overrule it. Table and chain are iptables' own, of nf_tables: `filter`, `FORWARD` or `DOCKER-USER`.
 */
export interface Permit {
  readonly kind: 'permit';
  readonly ns: NamespaceName;
  readonly family: PermitFamily;
  readonly chain: PermitChain;
  /** One of {@link PERMITS}; observed, also what another version of Weft had. */
  readonly name: string;
  /** Observed: no packet gets there, or it is there twice. */
  readonly astray?: true;
}

export type PermitFamily = 'ip' | 'ip6';
export const PERMIT_FAMILIES: readonly PermitFamily[] = ['ip', 'ip6'];
/** The second is Docker's, for rules of others: it never empties it, and leads there first. */
export type PermitChain = 'FORWARD' | 'DOCKER-USER';
export const PERMIT_CHAINS: readonly PermitChain[] = ['FORWARD', 'DOCKER-USER'];
export const PERMIT_TABLE = 'filter';

/** What is let pass, as narrow as can be: what else our own table drops of it has been dropped, or will be. */
interface Passage {
  /** The beginning of the names of the interfaces that it comes from, or goes to. */
  readonly from?: string;
  readonly to?: string;
  /** Only answers, and what was sent to a published port. */
  readonly tracked?: true;
}

/** By name, which a rule is known by: what changes gets another one. */
export const PERMITS: Readonly<Record<string, Passage>> = {
  out: { from: 'wfg' },
  back: { to: 'wfg', tracked: true },
  'to exposed': { to: 'wfh' },
  'from exposed': { from: 'wfh', tracked: true },
};

const MARK = 'weft: ';

/** In the rule's comment, as which iptables and nft(8) show it. */
export const permitComment = (name: string): string => `${MARK}${name}`;
export const permitNamed = (comment: string | undefined): string | undefined =>
  comment?.startsWith(MARK) ? comment.slice(MARK.length) : undefined;

/** As `iptables -S` prints it behind the chain's name. */
export function permitWords(name: string): string[] {
  const { from, to, tracked } = PERMITS[name] ?? {};
  return [
    ...(from ? ['-i', `${from}+`] : []),
    ...(to ? ['-o', `${to}+`] : []),
    ...(tracked ? ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED,DNAT'] : []),
    ...['-m', 'comment', '--comment', permitComment(name), '-j', 'ACCEPT'],
  ];
}

export const iptablesOf = (family: PermitFamily): 'iptables' | 'ip6tables' =>
  family === 'ip' ? 'iptables' : 'ip6tables';

/** A chain that hears what this host forwards, and drops what none of its rules lets pass. */
export interface ForwardDrop {
  readonly family: PermitFamily | 'inet';
  readonly table: string;
  readonly chain: string;
  readonly by: 'policy drop' | 'drop' | 'reject';
  /** Where a rule of ours is heard; undefined where all rules are somebody else's file. */
  readonly into?: PermitChain;
  /** The interfaces of ours that some rule of its table names: somebody has seen to it. */
  readonly knows: readonly string[];
}
