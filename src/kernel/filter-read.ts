import { constants } from 'node:os';
import type { Chain, FilterFamily, SetShape } from '#model/filter.ts';
import { addKernelObject, type MutableKernelTables } from '#model/kernel-state.ts';
import { FILTER_TABLE } from '#model/own.ts';
import { decodeElements, encodeDumpElements } from '#netlink/netfilter/elements.ts';
import { decodeSet, encodeDumpSets, type SeenSet } from '#netlink/netfilter/sets.ts';
import {
  decodeChain,
  decodeRule,
  encodeDumpChains,
  encodeDumpRules,
  type SeenChain,
  type SeenRule,
} from '#netlink/netfilter/tables.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { decodeKey, typesOf } from './filter-bytes.ts';
import type { Visit } from './visit.ts';

const { EINVAL, EOPNOTSUPP, EPROTONOSUPPORT } = constants.errno;
/** What a kernel without nf_tables answers: then there are no rules either. */
const WITHOUT_TABLES: ReadonlySet<number> = new Set([EINVAL, EOPNOTSUPP, EPROTONOSUPPORT]);

type Seen<T> = T & { readonly family: FilterFamily };

/** The chains of our tables in a namespace, without their rules. */
export const readChains = (visit: Visit): Seen<SeenChain>[] => ours(visit, encodeDumpChains(), decodeChain);

export const readSets = (visit: Visit): Seen<SeenSet>[] => ours(visit, encodeDumpSets(), decodeSet);

/** Reads the tables `weft` of a namespace. */
export function readFilters(state: MutableKernelTables, visit: Visit): void {
  const chains = readChains(visit);
  const rules = chains.length === 0 ? [] : ours(visit, encodeDumpRules({ name: FILTER_TABLE }), decodeRule);
  for (const seen of chains) addKernelObject(state, chainFrom(visit.ns, seen, rules));
  for (const seen of readSets(visit)) readSet(state, visit, seen);
}

function chainFrom(
  ns: string,
  { family, chain, base: hook }: Seen<SeenChain>,
  rules: readonly SeenRule[],
): Chain {
  const own = rules.filter((rule) => rule.chain === chain && rule.family === family);
  const texts = own.map(({ comment = '' }) => ({ text: comment }));
  return { kind: 'chain', ns, family, name: chain, ...(hook && { hook }), rules: texts };
}

/** A set of types that none of ours has is a stranger's in our table: without elements, as it is deleted whole. */
function readSet(state: MutableKernelTables, visit: Visit, seen: Seen<SeenSet>): void {
  const { ns } = visit;
  const { family, name, keyType, dataType, countedUpTo: countsUpTo } = seen;
  const [key, value] = [typesOf(keyType), dataType === undefined ? undefined : typesOf(dataType)];
  const shape: SetShape = {
    family,
    name,
    key: key ?? [],
    ...(value && { value }),
    ...(countsUpTo !== undefined && { countsUpTo }),
  };
  addKernelObject(state, { kind: 'set', ns, shape });
  if (!key) return;
  for (const elements of visit.filter.dump(
    encodeDumpElements({ family, name: FILTER_TABLE }, name),
    decodeElements,
  ))
    for (const element of elements)
      addKernelObject(state, {
        kind: 'element',
        ns,
        set: shape,
        key: decodeKey(key, Buffer.from(element.key)),
        ...(value && element.value && { value: decodeKey(value, Buffer.from(element.value)) }),
        ...(element.packets !== undefined && { packets: element.packets }),
      });
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
