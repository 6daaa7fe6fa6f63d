import type { KernelKind, KernelObject, KernelObjectOf } from '#model/kernel-state.ts';
import { addressRules } from './address.ts';
import { chainRules } from './chain.ts';
import { elementRules } from './element.ts';
import { fdbRules } from './fdb.ts';
import type { KindRules } from './kind.ts';
import { linkRules } from './link.ts';
import { namespaceRules } from './namespace.ts';
import { neighbourRules } from './neighbour.ts';
import { permitRules } from './permit.ts';
import { routeRules } from './route.ts';
import { setRules } from './set.ts';
import { settingRules } from './setting.ts';

const KINDS: { readonly [K in KernelKind]: KindRules<KernelObjectOf<K>> } = {
  namespace: namespaceRules,
  link: linkRules,
  set: setRules,
  element: elementRules,
  chain: chainRules,
  permit: permitRules,
  setting: settingRules,
  address: addressRules,
  route: routeRules,
  neighbour: neighbourRules,
  fdb: fdbRules,
};

/** The rules of a kind, for code that treats all alike: it hands them objects of that kind only. */
export const rulesOf = (kind: KernelKind): KindRules<KernelObject> =>
  KINDS[kind] as unknown as KindRules<KernelObject>;
