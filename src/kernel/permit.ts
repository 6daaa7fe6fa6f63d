import type { KernelOp } from '#model/kernel-op.ts';
import { PERMIT_TABLE, PERMITS, type Permit, permitComment, permitNamed } from '#model/permit.ts';
import type { Conversation } from '#netlink/conversation.ts';
import type { Request } from '#netlink/message.ts';
import { accept, compared, counted, type Expression, xtConntrack } from '#netlink/netfilter/expression.ts';
import { encodeAddRule, encodeDeleteRule } from '#netlink/netfilter/tables.ts';
import { encodeValue } from './filter-bytes.ts';
import { ForwardChains } from './forward-chains.ts';

export type PermitOp = KernelOp & { readonly object: Permit };

/**
 * The messages for these ops: what there is of a rule goes, and what is wished is written before the rule that ends its
 * chain: behind what others drop there, be it ours or not.
 */
export function permitRequests(conversation: Conversation, ops: readonly PermitOp[]): Request[] {
  if (ops.length === 0) return [];
  const chains = new ForwardChains(conversation);
  return ops.flatMap(({ verb, object: { family, chain, name } }) => {
    const table = { family, name: PERMIT_TABLE };
    const there = chains.rules(family, PERMIT_TABLE, chain);
    const old = there.filter(({ comment }) => permitNamed(comment) === name);
    const gone = old.map(({ handle }) => encodeDeleteRule(table, chain, handle));
    if (verb === 'delete') return gone;
    const [comment, before] = [permitComment(name), chains.endOf(family, chain)];
    return [...gone, encodeAddRule(table, { chain, expressions: expressionsOf(name), comment, before })];
  });
}

/** In the words that iptables reads back: it gives up on a table that has others. */
function expressionsOf(name: string): Expression[] {
  const { from, to, tracked } = PERMITS[name] ?? {};
  return [
    ...(from ? compared({ meta: 'iifname' }, encodeValue('ifname', `${from}*`)) : []),
    ...(to ? compared({ meta: 'oifname' }, encodeValue('ifname', `${to}*`)) : []),
    ...(tracked ? [xtConntrack()] : []),
    counted,
    accept,
  ];
}
