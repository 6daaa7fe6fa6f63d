import { constants } from 'node:os';
import type { Chain, Element, FilterFamily, FilterObject, SetShape, ValueType } from '#model/filter.ts';
import {
  addKernelObject,
  HOST_NAMESPACE,
  type MutableKernelTables,
  type NamespaceName,
} from '#model/kernel-state.ts';
import { FILTER_TABLE } from '#model/own.ts';
import type { ForwardDrop, Permit } from '#model/permit.ts';
import { decodeElements, encodeDumpElements } from '#netlink/netfilter/elements.ts';
import { decodeGeneration, encodeGetGeneration } from '#netlink/netfilter/generation.ts';
import { decodeSet, encodeDumpSets, type SeenSet } from '#netlink/netfilter/sets.ts';
import {
  decodeChain,
  decodeRule,
  decodeTable,
  encodeDumpChains,
  encodeDumpRules,
  encodeDumpTables,
  type SeenChain,
  type SeenRule,
} from '#netlink/netfilter/tables.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { decodeKey, keyBytes, typesOf } from './filter-bytes.ts';
import { ForwardChains, PERMIT_PLACES } from './forward-chains.ts';
import { unlessAbsent, type Visit } from './visit.ts';

const { EINTR, EINVAL, EOPNOTSUPP, EPROTONOSUPPORT } = constants.errno;
/** What a kernel without nf_tables answers: then there are no rules either. */
const WITHOUT_TABLES: ReadonlySet<number> = new Set([EINVAL, EOPNOTSUPP, EPROTONOSUPPORT]);

type Seen<T> = T & { readonly family: FilterFamily };

/** The chains of our tables in a namespace, without their rules. */
export const readChains = (visit: Visit): Seen<SeenChain>[] => ours(visit, encodeDumpChains(), decodeChain);

export const readSets = (visit: Visit): Seen<SeenSet>[] => ours(visit, encodeDumpSets(), decodeSet);

/**
 * The tables `weft` of the namespaces that are looked at, as long as nobody changes any table there: the kernel numbers
 * the changes, so that most looks read one number and what was counted.
 */
export class FilterMemory {
  readonly #known = new Map<NamespaceName, Known>();
  #forwarding: ForwardLook = { drops: [], permits: [], chains: new Set() };

  /** Reads the tables of a namespace, which is known by its cookie. */
  read(state: MutableKernelTables, visit: Visit): void {
    const { ns, cookie } = visit;
    const generation = generationOf(visit);
    let known = this.#known.get(ns);
    if (known?.cookie !== cookie || known.generation !== generation) {
      const isKnown = ns === HOST_NAMESPACE && known?.cookie === cookie;
      known = unlessRestless(isKnown, () => this.#readAnew(visit, generation)) ?? known!;
      this.#known.set(ns, known);
    }
    for (const object of known.objects) {
      addKernelObject(state, object);
      if (object.kind === 'set' && object.shape.countsUpTo !== undefined)
        for (const element of elementsOf(visit, object.shape)) addKernelObject(state, element);
    }
  }

  #readAnew(visit: Visit, generation: number | undefined): Known {
    const { ns, cookie } = visit;
    const objects = generation === undefined ? [] : [...filtersOf(visit)];
    if (ns === HOST_NAMESPACE && generation !== undefined) this.#readForwarding(visit);
    return { cookie, generation, objects };
  }

  /** Of the host's own namespace, as it was read last: what others drop there, and what we wrote among theirs. */
  get forwarding(): ForwardLook {
    return this.#forwarding;
  }

  #readForwarding({ ns, filter }: Visit): void {
    const chains = new ForwardChains(filter);
    const drops = chains.drops();
    const permits = PERMIT_PLACES.flatMap(({ family, chain }) => chains.permits(ns, family, chain));
    this.#forwarding = { drops, permits, chains: chains.known };
  }

  /** Beside the host's own, as those that are gone are no use. */
  keepOnly(overlays: ReadonlyMap<NamespaceName, unknown>): void {
    for (const ns of this.#known.keys())
      if (ns !== HOST_NAMESPACE && !overlays.has(ns)) this.#known.delete(ns);
  }
}

export interface ForwardLook {
  readonly drops: readonly ForwardDrop[];
  readonly permits: readonly Permit[];
  /** Those that it depends on, as {@link chainKey} has them. */
  readonly chains: ReadonlySet<string>;
}

interface Known {
  readonly cookie: string;
  /** Undefined in a kernel without tables. */
  readonly generation: number | undefined;
  readonly objects: readonly FilterObject[];
}

/**
 * Undefined when others change their tables faster than all of the host's can be read, and it `isKnown` what was there:
 * that does until they stand still, and all else of a look does not wait for it.
 */
function unlessRestless<T>(isKnown: boolean, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isKnown && error instanceof NetlinkError && error.errno === EINTR) return undefined;
    throw error;
  }
}

function generationOf(visit: Visit): number | undefined {
  try {
    return decodeGeneration(visit.filter.ask(encodeGetGeneration()));
  } catch (error) {
    if (error instanceof NetlinkError && WITHOUT_TABLES.has(error.errno)) return undefined;
    throw error;
  }
}

/**
 * All but the elements of sets that count. A chain of a table that somebody has put to sleep hears nothing, and counts as
 * missing: making it wakes the table.
 */
function* filtersOf(visit: Visit): Generator<FilterObject> {
  const { ns } = visit;
  const dormant = ours(visit, encodeDumpTables(), decodeTable).filter(({ isDormant }) => isDormant);
  const asleep = new Set(dormant.map(({ family }) => family));
  const chains = readChains(visit).filter(({ family }) => !asleep.has(family));
  const families = new Set(chains.map(({ family }) => family));
  const rules = [...families].flatMap((family) =>
    ours(visit, encodeDumpRules({ family, name: FILTER_TABLE }), decodeRule),
  );
  for (const seen of chains) yield chainFrom(ns, seen, rules);
  for (const seen of readSets(visit)) {
    const shape = shapeOf(seen);
    yield { kind: 'set', ns, shape };
    if (shape.key.length > 0 && shape.countsUpTo === undefined) yield* elementsOf(visit, shape);
  }
}

function chainFrom(
  ns: NamespaceName,
  { family, chain, base: hook }: Seen<SeenChain>,
  rules: readonly SeenRule[],
): Chain {
  const own = rules.filter((rule) => rule.chain === chain && rule.family === family);
  const texts = own.map(({ comment = '' }) => ({ text: comment }));
  return { kind: 'chain', ns, family, name: chain, ...(hook && { hook }), rules: texts };
}

/** One of types that none of ours has is a stranger's in our table: without a key, and so without elements. */
function shapeOf(set: Seen<SeenSet>): SetShape {
  const { family, name, keyType, dataType, countedUpTo: countsUpTo } = set;
  const key = typesAsLong(keyType, set.keyBytes);
  const value = dataType === undefined ? undefined : typesAsLong(dataType, set.dataBytes);
  return {
    family,
    name,
    key: key ?? [],
    ...(value && { value }),
    ...(countsUpTo !== undefined && { countsUpTo }),
  };
}

/** A number of a type says how nft(8) shows it, not how long it is: an integer may be of any length. */
function typesAsLong(type: number, bytes: number | undefined): readonly ValueType[] | undefined {
  const types = typesOf(type);
  return types && keyBytes(types) === bytes ? types : undefined;
}

function elementsOf(visit: Visit, set: SetShape): Element[] {
  const { ns, filter } = visit;
  const { family, key: types, value: valueTypes, name } = set;
  const request = encodeDumpElements({ family, name: FILTER_TABLE }, name);
  // Somebody may have deleted the set since it was seen: the next look reads all anew.
  const seen = unlessAbsent(() => filter.dump(request, decodeElements)) ?? [];
  return seen.flat().map(({ key, value, packets }) => ({
    kind: 'element',
    ns,
    set,
    key: key ? decodeKey(types, Buffer.from(key)) : [],
    ...(valueTypes && value && { value: decodeKey(valueTypes, Buffer.from(value)) }),
    ...(packets !== undefined && { packets }),
  }));
}

function ours<T extends { readonly table: string; readonly family: FilterFamily | undefined }>(
  visit: Visit,
  request: Parameters<Visit['filter']['dump']>[0],
  decode: (message: Parameters<typeof decodeChain>[0]) => T,
): Seen<T>[] {
  try {
    const all = visit.filter.dump(request, decode);
    return all.filter((seen): seen is Seen<T> => seen.table === FILTER_TABLE && seen.family !== undefined);
  } catch (error) {
    if (error instanceof NetlinkError && WITHOUT_TABLES.has(error.errno)) return [];
    throw error;
  }
}
