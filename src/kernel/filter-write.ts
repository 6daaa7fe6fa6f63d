import {
  type Chain,
  commentOf,
  type Element,
  type FilterFamily,
  type FilterObject,
  type FilterSet,
  familyOfFilter,
  type Rule,
  type SetShape,
  targetsOf,
} from '#model/filter.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { FILTER_TABLE } from '#model/own.ts';
import type { Request } from '#netlink/message.ts';
import { encodeAddElements, encodeDeleteElements, type SetElement } from '#netlink/netfilter/elements.ts';
import { encodeAddSet, encodeDeleteSet } from '#netlink/netfilter/sets.ts';
import {
  encodeAddChain,
  encodeAddRule,
  encodeAddTable,
  encodeDeleteChain,
  encodeFlushChain,
  type Table,
} from '#netlink/netfilter/tables.ts';
import { encodeKey, keyBytes, keyType } from './filter-bytes.ts';
import { expressionsOf } from './rule.ts';
import { typeofKey } from './set-typeof.ts';

export type FilterOp = KernelOp & { readonly object: FilterObject };

const tableOf = (family: FilterFamily): Table => ({ family, name: FILTER_TABLE });

/**
 * The messages of one transaction for these ops: first what no longer holds, then what is new, each from whoever names
 * others to who is named, or back. All of it happens at one moment.
 */
export function filterRequests(ops: readonly FilterOp[]): Request[] {
  const writes = ops.map(writeOf);
  const families = new Set(
    ops.filter(({ verb }) => verb !== 'delete').map(({ object }) => familyOfFilter(object)),
  );
  return [
    ...writes.flatMap(({ silence }) => silence ?? []),
    ...elementsOf(ops, 'delete'),
    ...writes.flatMap(({ remove }) => remove ?? []),
    ...[...families].map((family) => encodeAddTable(tableOf(family))),
    ...writes.flatMap(({ make }) => make ?? []),
    ...elementsOf(ops, 'add'),
    ...writes.flatMap(({ fill }) => fill ?? []),
  ];
}

interface Write {
  /** Takes its rules away. */
  readonly silence?: Request[];
  readonly remove?: Request[];
  readonly make?: Request[];
  /** Gives it its rules. */
  readonly fill?: Request[];
}

function writeOf({ verb, object, ...op }: FilterOp): Write {
  if (object.kind === 'element') return {};
  if (object.kind === 'set')
    return verb === 'delete' ? { remove: [deleteSet(object)] } : { make: [addSet(object)] };
  const ref = tableOf(object.family);
  const silence = [encodeFlushChain(ref, object.name)];
  if (verb === 'delete') return { silence, remove: [encodeDeleteChain(ref, object.name)] };
  const was = 'was' in op ? (op.was as Chain) : undefined;
  const { hook, rules, name } = object;
  // Where it hears packets cannot be changed.
  const moves = was !== undefined && JSON.stringify(was.hook) !== JSON.stringify(hook);
  return {
    ...(was && { silence }),
    ...(moves && { remove: [encodeDeleteChain(ref, name)] }),
    make: [
      encodeAddChain(ref, name, hook),
      ...rules.flatMap(targetsOf).map((chain) => encodeAddChain(ref, chain)),
    ],
    // Of one that is there already only the rules count: they are written anew.
    fill: [...(was ? [] : [encodeFlushChain(ref, name)]), ...rules.map((rule) => addRule(ref, name, rule))],
  };
}

/** By what they are known by. Networks have nearly the same, and each is some hundred attributes. */
const addedRules = new Map<string, Request>();
const MOST_RULES = 500;

function addRule(ref: Table, chain: string, rule: Rule): Request {
  const key = `${ref.family} ${chain} ${rule.text}`;
  const known = addedRules.get(key);
  if (known) return known;
  const request = encodeAddRule(ref, { chain, expressions: expressionsOf(rule), comment: commentOf(rule) });
  if (addedRules.size >= MOST_RULES) addedRules.clear();
  addedRules.set(key, request);
  return request;
}

const deleteSet = ({ shape }: FilterSet): Request => encodeDeleteSet(tableOf(shape.family), shape.name);

const addSet = ({ shape }: FilterSet): Request =>
  encodeAddSet(tableOf(shape.family), {
    name: shape.name,
    keyType: keyType(shape.key),
    keyBytes: keyBytes(shape.key),
    ...(shape.value && { dataType: keyType(shape.value), dataBytes: keyBytes(shape.value) }),
    countedUpTo: shape.countsUpTo,
    userdata: typeofKey(shape.key),
  });

/** Those of one set together. One whose value changes is deleted, and added. */
function* elementsOf(ops: readonly FilterOp[], verb: 'add' | 'delete'): Generator<Request> {
  const encode = verb === 'add' ? encodeAddElements : encodeDeleteElements;
  const bySet = new Map<SetShape, SetElement[]>();
  for (const op of ops) {
    if (op.object.kind !== 'element' || (op.verb !== verb && op.verb !== 'change')) continue;
    const object = verb === 'delete' && op.verb === 'change' ? (op.was as Element) : op.object;
    const { set, key, value } = object;
    const elements = bySet.get(set) ?? [];
    bySet.set(set, elements);
    elements.push({
      key: key.length === 0 ? undefined : encodeKey(set.key, key),
      ...(verb === 'add' && set.value && value && { value: encodeKey(set.value, value) }),
    });
  }
  for (const [set, elements] of bySet) yield encode(tableOf(set.family), set.name, elements);
}
