import type { Guard } from '#model/kernel-state.ts';
import type { KindRules } from './kind.ts';

/*
 * Key: namespace and device.
 * Equal: the same addresses, in any order, and its rules whole.
 * Ours: all in the table `weft`, which is ours by its name.
 * Before it: nothing; the rules name the device, which need not be there yet.
 * Gone first: nothing; it is written in one transaction, the old rules hold until then.
 * If we die right here: the rules stand for a tunnel that is not there yet, or not any more; those of a namespace go
 *   with it.
 */
export const guardRules: KindRules<Guard> = {
  equal: (wanted, seen) =>
    !seen.broken && [...wanted.addresses].sort().join() === [...seen.addresses].sort().join(),
  isOurs: () => true,
  isDrift: () => true,
  step: ({ verb }) => (verb === 'delete' ? 'stale guard' : 'guard'),
};
