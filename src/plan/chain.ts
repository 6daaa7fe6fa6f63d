import { type Chain, commentOf } from '#model/filter.ts';
import { agrees, type KindRules } from './kind.ts';

/*
 * Key: namespace, family and name; the table is always `weft`.
 * Equal: heard at the same place, the same rules in the same order, each known by its comment.
 * Ours: all in the table `weft`, which is ours by its name.
 * Before it: the sets that its rules ask, and what must be in them: from its first moment it drops what it does not know.
 * Gone first: nothing; it is written in one transaction, the old rules hold until then.
 * If we die right here: the rules stand for devices that are not there yet, or not any more.
 */
export const chainRules: KindRules<Chain> = {
  equal: (wanted, seen) =>
    agrees(wanted.hook ?? null, seen.hook ?? null) &&
    wanted.rules.length === seen.rules.length &&
    wanted.rules.every((rule, i) => commentOf(rule) === commentOf(seen.rules[i]!)),
  isOurs: () => true,
  isDrift: () => true,
  step: ({ verb }) => (verb === 'delete' ? 'stale chain' : 'chain'),
};
