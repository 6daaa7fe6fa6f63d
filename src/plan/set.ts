import type { FilterSet } from '#model/filter.ts';
import { agrees, type KindRules } from './kind.ts';

/*
 * Key: namespace, family and name; the table is always `weft`.
 * Equal: the same shape. A running set cannot be given another: one with another shape gets another name.
 * Ours: all in the table `weft`, which is ours by its name.
 * Before it: nothing; its table comes with it.
 * Gone first: the chains whose rules name it.
 * If we die right here: an empty set, that no rule asks yet.
 */
export const setRules: KindRules<FilterSet> = {
  equal: ({ shape: { typeof: _, ...wanted } }, { shape }) => agrees(wanted, shape),
  isOurs: () => true,
  isDrift: () => true,
  step: ({ verb }) => (verb === 'delete' ? 'stale set' : 'set'),
};
