import { foldName } from '#model/name.ts';
import { listSome } from './list-some.ts';

/** Longer text is compared by its beginning: a hint is not worth more time. */
const COMPARED = 32;

/** The next step after an unknown name: what was probably meant, else what there is, else `ifNone`. */
export function hintNames(given: string, known: readonly string[], ifNone: string): string {
  if (known.length === 0) return `there are none yet: ${ifNone}`;
  const near = known
    .map((name) => ({ name, distance: editDistance(clip(given), clip(name)) }))
    .filter(({ distance }) => distance < given.length && distance <= Math.max(2, clip(given).length / 3))
    .sort((a, b) => a.distance - b.distance);
  return near[0] ? `did you mean ${near[0].name}?` : `known: ${listSome(known)}`;
}

const clip = (name: string): string => foldName(name.slice(0, COMPARED));

/** Levenshtein: insertions, deletions and substitutions from one to the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
