import type { Setting } from '#model/kernel-state.ts';
import type { KindRules } from './kind.ts';

/*
 * Key: namespace and name.
 * Equal: the same value.
 * Ours: none; a setting is the namespace's, and stays as it is when nobody wishes it any more: others may build on it.
 * Before it: the device, if its name has one; of several of one namespace those whose names come first.
 * Gone first: nothing.
 * If we die right here: packets between a network and the outside are dropped.
 */
export const settingRules: KindRules<Setting> = {
  equal: (wanted, seen) => wanted.value === seen.value,
  isOurs: () => false,
  isDrift: () => false,
  step: (_, { name }) => (/\/conf\/(?!all|default)/.test(name) ? 'device setting' : 'setting'),
};
