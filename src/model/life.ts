import type { Id } from './id.ts';
import type { Revision } from './records.ts';

/**
 * One run of the program that writes the store: what came after that revision is its own. A store that is restored from
 * a backup gives the same revisions again to other things; by its lives it is known that they are others.
 */
export interface Life {
  readonly id: Id;
  readonly from: Revision;
}

/**
 * Up to which revision two logs are the same, `known` being heard of before: without limit when one goes on where the
 * other is. Nothing is known of a log without lives: it is taken for the same.
 */
export function sharedUpTo(known: readonly Life[], told: readonly Life[]): Revision {
  if (known.length === 0 || told.length === 0) return Number.POSITIVE_INFINITY;
  for (let last = known.length - 1; last >= 0; last--) {
    const place = told.findIndex(({ id }) => id === known[last]!.id);
    if (place >= 0) return Math.min(endOf(known, last), endOf(told, place));
  }
  return 0;
}

const endOf = (lives: readonly Life[], place: number): Revision =>
  lives[place + 1]?.from ?? Number.POSITIVE_INFINITY;
