import {
  type Chain,
  commentOf,
  type Element,
  type FilterObject,
  familyOfFilter,
  targetsOf,
} from '#model/filter.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { kernelKey } from '#model/kernel-state.ts';
import { FakeRefusal } from './fake-device.ts';
import type { FakeHost } from './fake-host.ts';

type Filters = Map<string, FilterObject>;

const keyOf = (object: FilterObject): string => `${object.kind} ${kernelKey(object)}`;

/** Refuses what the kernel refuses: elements without their set, rules that name none, sets that are still named. */
export function writeFakeFilter(host: FakeHost, verb: KernelOp['verb'], object: FilterObject): void {
  if (verb !== 'delete') host.devices(object.ns);
  const filters: Filters = host.filters.get(object.ns) ?? new Map();
  host.filters.set(object.ns, filters);
  if (verb === 'delete') remove(filters, object);
  else if (object.kind === 'chain') addChain(filters, object);
  else if (object.kind === 'set') addSet(filters, object);
  else addElement(filters, object, verb);
}

const setKey = ({ ns, set }: Element): string => keyOf({ kind: 'set', ns, shape: set });

function remove(filters: Filters, object: FilterObject): void {
  if (object.kind !== 'element' && filters.has(keyOf(object)) && isNamed(filters, object))
    throw new FakeRefusal('EBUSY');
  filters.delete(keyOf(object));
  if (object.kind !== 'set') return;
  for (const [key, each] of filters)
    if (each.kind === 'element' && setKey(each) === keyOf(object)) filters.delete(key);
}

/** Whether another chain of its table leads there, or asks it. */
function isNamed(filters: Filters, object: Exclude<FilterObject, Element>): boolean {
  const name = object.kind === 'set' ? object.shape.name : object.name;
  return [...filters.values()].some(
    (chain) =>
      chain.kind === 'chain' &&
      chain.family === familyOfFilter(object) &&
      chain.rules.some((rule) =>
        object.kind === 'set'
          ? rule.statements?.some((each) => 'set' in each && each.set.name === name)
          : chain.name !== name && targetsOf(rule).includes(name),
      ),
  );
}

function addChain(filters: Filters, chain: Chain): void {
  const { ns, family, rules } = chain;
  for (const { statements = [] } of rules)
    for (const each of statements)
      if ('set' in each && !filters.has(keyOf({ kind: 'set', ns, shape: { ...each.set, family } })))
        throw new FakeRefusal('ENOENT');
  for (const name of rules.flatMap(targetsOf)) {
    const target: Chain = { kind: 'chain', ns, family, name, rules: [] };
    if (!filters.has(keyOf(target))) filters.set(keyOf(target), target);
  }
  filters.set(keyOf(chain), {
    ...chain,
    rules: chain.rules.map((rule) => ({ ...rule, text: commentOf(rule) })),
  });
}

function addSet(filters: Filters, set: Extract<FilterObject, { kind: 'set' }>): void {
  if (!filters.has(keyOf(set))) filters.set(keyOf(set), set);
}

function addElement(filters: Filters, element: Element, verb: KernelOp['verb']): void {
  if (!filters.has(setKey(element))) throw new FakeRefusal('ENOENT');
  const seen = filters.get(keyOf(element)) as Element | undefined;
  if (verb === 'add' && seen && String(seen.value) !== String(element.value)) throw new FakeRefusal('EEXIST');
  filters.set(keyOf(element), element);
}

/** In one transaction chains that go lead nowhere first, whichever of them is named before the others. */
export function emptyDoomedChains({ filters }: FakeHost, ops: readonly KernelOp[]): void {
  for (const { verb, object } of ops) {
    if (verb !== 'delete' || object.kind !== 'chain') continue;
    const there = filters.get(object.ns);
    if (there?.has(keyOf(object))) there.set(keyOf(object), { ...object, rules: [] });
  }
}

/** As it is read back: of rules their text alone. */
export function seenFilter(object: FilterObject): FilterObject {
  if (object.kind !== 'chain') return object;
  const seen = SEEN.get(object) ?? { ...object, rules: object.rules.map(({ text }) => ({ text })) };
  SEEN.set(object, seen);
  return seen;
}

/** There are many rules, and many looks. */
const SEEN = new WeakMap<Chain, Chain>();
