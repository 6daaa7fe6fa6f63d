import { type Fault, fault } from '#model/fault.ts';
import type { ExitName } from './exit-code.ts';

/** Why a command ends without having done its job: either faults in what was asked, or a sentence and a next step. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: ExitName;
  readonly faults: readonly Fault[];
  /** What to do about it; empty when the faults say it. */
  readonly next: string;

  constructor(exit: ExitName, message: string, next: string, faults: readonly Fault[] = []) {
    super(message);
    this.exit = exit;
    this.next = next;
    this.faults = faults;
  }
}

/** Somebody may well be there: it is not for this user to know. */
export class NotPermitted extends CliError {}

/** Faults in what was typed, or in what it names. */
export const faultError = (exit: ExitName, ...faults: readonly Fault[]): CliError =>
  new CliError(
    exit,
    faults.map(({ field, value, problem }) => `${field} "${value}": ${problem}`).join('; '),
    '',
    faults,
  );

/** A name that nothing has; `known` are the names that there are. */
export function notFound(kind: string, name: string, known: readonly string[]): CliError {
  const near = nearest(name, known);
  const fix = near ? `did you mean ${near}?` : `see weft ${kind} ls`;
  return faultError('notFound', fault(kind, name, `there is no such ${kind}`, fix));
}

/** The candidate that was probably meant: at most two letters, or a third of the word, away. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  const limit = Math.max(2, Math.floor(word.length / 3));
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < candidate.length && distance < (best?.distance ?? Infinity))
      best = { candidate, distance };
  }
  return best?.candidate;
}

/** Levenshtein's; words of wildly different length are not compared further. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 8 || a.length > 128) return Infinity;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row[j] = Math.min(
        row[j - 1]! + 1,
        previous[j]! + 1,
        previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    previous = row;
  }
  return previous[b.length]!;
}
