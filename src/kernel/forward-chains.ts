import type { NamespaceName } from '#model/kernel-state.ts';
import { FILTER_TABLE } from '#model/own.ts';
import {
  type ForwardDrop,
  PERMIT_CHAINS,
  PERMIT_FAMILIES,
  PERMIT_TABLE,
  type Permit,
  type PermitChain,
  type PermitFamily,
  permitNamed,
} from '#model/permit.ts';
import type { Conversation } from '#netlink/conversation.ts';
import type { Message } from '#netlink/message.ts';
import { decodeRuleEffect, type RuleEffect } from '#netlink/netfilter/rule-effect.ts';
import {
  decodeChain,
  decodeChangedChain,
  decodeTable,
  encodeDumpChains,
  encodeDumpRules,
  encodeDumpTables,
  type SeenChain,
} from '#netlink/netfilter/tables.ts';

/** Deeper than nf_tables lets chains lead: NFT_JUMP_STACK_SIZE of net/netfilter/nf_tables.h. */
const DEEPEST = 16;

type HookedChain = SeenChain & { readonly family: ForwardDrop['family'] };

/** What becomes of a packet that no condition is for. */
type End = 'accept' | 'drop' | 'reject';

/** The chains of others that hear what is forwarded, read rule by rule as far as one that is for every packet leads. */
export class ForwardChains {
  readonly #conversation: Conversation;
  readonly #chains: readonly SeenChain[];
  readonly #rules = new Map<string, readonly RuleEffect[]>();

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
    this.#chains = conversation.dump(encodeDumpChains(), decodeChain);
  }

  /** The chains on which it depends what drops, as {@link chainKey} has them. */
  get known(): ReadonlySet<string> {
    return new Set(this.#rules.keys());
  }

  drops(): ForwardDrop[] {
    const tables = this.#conversation.dump(encodeDumpTables(), decodeTable);
    const asleep = new Set(tables.filter(({ isDormant }) => isDormant).map(tableKey));
    return this.#chains.filter(hearsForwarded).flatMap((chain): ForwardDrop[] => {
      const { family, table, chain: name, base } = chain;
      if (asleep.has(tableKey(chain))) return [];
      const passed = new Set<string>();
      const end = this.#walk(family, table, name, passed);
      const by = end ?? (base?.policy === 'drop' ? 'policy drop' : 'accept');
      if (by === 'accept') return [];
      const isIptables = family !== 'inet' && table === PERMIT_TABLE && name === 'FORWARD';
      const into: PermitChain = passed.has('DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD';
      return [
        isIptables
          ? { family, table, chain: name, by, into, knows: [] }
          : { family, table, chain: name, by, knows: this.#known(family, table) },
      ];
    });
  }

  /** The rules of ours there, and whether packets get to them. */
  permits(ns: NamespaceName, family: PermitFamily, chain: PermitChain): Permit[] {
    const seen = new Map<string, Permit>();
    let isEnded = false;
    for (const rule of this.rules(family, PERMIT_TABLE, chain)) {
      const name = permitNamed(rule.comment);
      const astray = isEnded || (name !== undefined && seen.has(name));
      isEnded ||= this.#ends(family, rule);
      if (name === undefined) continue;
      seen.set(name, { kind: 'permit', ns, family, chain, name, ...(astray && { astray }) });
    }
    return [...seen.values()];
  }

  /** The rule behind which no packet comes; undefined when there is none. */
  endOf(family: PermitFamily, chain: PermitChain): number | undefined {
    return this.rules(family, PERMIT_TABLE, chain).find((rule) => this.#ends(family, rule))?.handle;
  }

  rules(family: ForwardDrop['family'], table: string, chain: string): readonly RuleEffect[] {
    const key = chainKey(family, table, chain);
    const known = this.#rules.get(key);
    if (known) return known;
    const isThere = this.#chains.some((each) => chainKey(each.family, each.table, each.chain) === key);
    const rules = isThere ? this.#dump(family, table, chain) : [];
    this.#rules.set(key, rules);
    return rules;
  }

  #dump(family: ForwardDrop['family'], table: string, chain?: string): RuleEffect[] {
    const request = encodeDumpRules({ family, name: table }, chain);
    const rules = this.#conversation.dump(request, decodeRuleEffect);
    return rules.filter(
      (rule) =>
        rule.family === family && rule.table === table && (chain === undefined || rule.chain === chain),
    );
  }

  /** Of one that returns to where it was called from, undefined; so one that was `passed` did, and does again. */
  #walk(
    family: ForwardDrop['family'],
    table: string,
    chain: string,
    passed: Set<string>,
    depth = 0,
  ): End | undefined {
    if (passed.has(chain) || depth > DEEPEST) return undefined;
    passed.add(chain);
    for (const { conditional, verdict, chainAfter } of this.rules(family, table, chain)) {
      if (conditional) continue;
      if (verdict === 'return') return undefined;
      if (verdict) return verdict;
      if (!chainAfter) continue;
      const end = this.#walk(family, table, chainAfter.chain, passed, depth + 1);
      if (end || chainAfter.how === 'goto') return end;
    }
    return undefined;
  }

  #ends(family: PermitFamily, { conditional, verdict, chainAfter }: RuleEffect): boolean {
    if (conditional) return false;
    if (verdict || chainAfter?.how === 'goto') return true;
    return !!chainAfter && this.#walk(family, PERMIT_TABLE, chainAfter.chain, new Set()) !== undefined;
  }

  #known(family: ForwardDrop['family'], table: string): string[] {
    const names = this.#dump(family, table).flatMap(({ interfaces }) => interfaces);
    return [...new Set(names.filter((name) => name.startsWith('wf')))];
  }
}

const tableKey = ({ family, table }: Pick<SeenChain, 'family' | 'table'>): string => `${family} ${table}`;

export const chainKey = (family: string | undefined, table: string, chain: string): string =>
  `${family} ${table} ${chain}`;

function hearsForwarded(chain: SeenChain): chain is HookedChain {
  const { family, table, base } = chain;
  return base?.hook === 'forward' && family !== undefined && family !== 'bridge' && table !== FILTER_TABLE;
}

export const PERMIT_PLACES = PERMIT_FAMILIES.flatMap((family) =>
  PERMIT_CHAINS.map((chain) => ({ family, chain })),
);

/** Whether what is told of nf_tables makes a chain that hears what is forwarded, or changes one that is `known` to matter. */
export function concernsForwarding(message: Message, known: ReadonlySet<string>): boolean {
  const about = decodeChangedChain(message);
  if (!about) return false;
  return about.base?.hook === 'forward' || known.has(chainKey(about.family, about.table, about.chain));
}
