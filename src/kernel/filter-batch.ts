import { type FilterFamily, familyOfFilter } from '#model/filter.ts';
import { FILTER_TABLE } from '#model/own.ts';
import { encodeDeleteTable } from '#netlink/netfilter/tables.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { readChains, readSets } from './filter-read.ts';
import { type FilterOp, filterRequests } from './filter-write.ts';
import { type PermitOp, permitRequests } from './permit.ts';
import type { Visit } from './visit.ts';

/** An element has some 100 bytes, a rule some 600; a socket takes 200 KB in one send, more only where that must be. */
const LARGEST_TRANSACTION = 1000;
const weightOf = ({ verb, object }: FilterOp | PermitOp): number =>
  verb === 'delete' || object.kind !== 'chain' ? 1 : 4 * (1 + object.rules.length);

/** Writes what follows each other among a list's ops on one namespace's tables: as one transaction, if it is not too much. */
export class FilterBatch {
  readonly visit: Visit;
  readonly #ops: { readonly index: number; readonly op: FilterOp | PermitOp }[] = [];
  #weight = 0;

  constructor(visit: Visit) {
    this.visit = visit;
  }

  /** False when it has no room. */
  add(index: number, op: FilterOp | PermitOp): boolean {
    const weight = weightOf(op);
    if (this.#ops.length > 0 && this.#weight + weight > LARGEST_TRANSACTION) return false;
    this.#weight += weight;
    this.#ops.push({ index, op });
    return true;
  }

  /** One refusal undoes all: then each is tried by itself. Tells what was refused. */
  write(onRefusal: (index: number, error: NetlinkError) => void): void {
    const ops = this.#ops;
    if (ops.length > 1 && !this.#transact(ops.map(({ op }) => op))) return;
    for (const { index, op } of ops) {
      const refusal = this.#transact([op]);
      if (refusal) onRefusal(index, refusal);
    }
  }

  #transact(ops: readonly (FilterOp | PermitOp)[]): NetlinkError | undefined {
    try {
      const own = ops.filter((op): op is FilterOp => !isPermit(op));
      const emptied = this.#emptied(own);
      this.visit.filter.transact([
        ...filterRequests(own.filter(({ object }) => !emptied.has(familyOfFilter(object)))),
        ...[...emptied].map((family) => encodeDeleteTable({ family, name: FILTER_TABLE })),
        ...permitRequests(this.visit.filter, ops.filter(isPermit)),
      ]);
      return undefined;
    } catch (error) {
      if (error instanceof NetlinkError) return error;
      throw error;
    }
  }

  /** Families whose table goes, with the last of its chains and sets: nothing of ours is left. */
  #emptied(ops: readonly FilterOp[]): Set<FilterFamily> {
    const going = new Set(ops.filter(isRemoval).map(({ object }) => nameOf(object)));
    if (going.size === 0) return new Set();
    const there = [
      ...readChains(this.visit).map(({ family, chain }) => ({ family, name: `chain ${family} ${chain}` })),
      ...readSets(this.visit).map(({ family, name }) => ({ family, name: `set ${family} ${name}` })),
    ];
    const staying = there.filter(({ name }) => !going.has(name));
    const kept = new Set(
      [...staying, ...ops.filter(isWrite).map(({ object }) => ({ family: familyOfFilter(object) }))].map(
        ({ family }) => family,
      ),
    );
    return new Set(there.map(({ family }) => family).filter((family) => !kept.has(family)));
  }
}

const isPermit = (op: FilterOp | PermitOp): op is PermitOp => op.object.kind === 'permit';
const isWrite = ({ verb }: FilterOp): boolean => verb !== 'delete';
const isRemoval = ({ verb, object }: FilterOp): boolean => verb === 'delete' && object.kind !== 'element';

function nameOf(object: FilterOp['object']): string {
  const name = object.kind === 'chain' ? object.name : object.kind === 'set' ? object.shape.name : '';
  return `${object.kind} ${familyOfFilter(object)} ${name}`;
}
