import type { Parsed } from './parsed.ts';

/** One thing that is wrong with a wish: which field, what it said, what is wrong, how to put it right. */
export interface Fault {
  readonly field: string;
  readonly value: string;
  readonly problem: string;
  readonly fix: string;
}

/** A refused wish. Data, not an exception: it lists every fault at once, so that one round of mending is enough. */
export interface Rejection {
  readonly outcome: 'rejected';
  readonly reason: RejectionReason;
  readonly faults: readonly Fault[];
}

/** `invalid`: the wish itself is wrong · `absent`: names something that is not there · `conflict`: true elsewhere. */
export type RejectionReason = 'invalid' | 'absent' | 'conflict' | 'exhausted' | 'forbidden' | 'unavailable';

export const reject = (reason: RejectionReason, ...faults: Fault[]): Rejection => ({
  outcome: 'rejected',
  reason,
  faults,
});

export const isRejection = (value: unknown): value is Rejection =>
  typeof value === 'object' && value !== null && (value as { outcome?: unknown }).outcome === 'rejected';

/** Control, invisible and text-reordering characters, line breaks and halves of surrogate pairs. */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Shows hostile text safely and shortly: what a terminal would obey or hide is escaped, long text cut. */
export function showValue(value: unknown): string {
  const text = typeof value === 'object' ? (JSON.stringify(value, withoutBigInt) ?? '') : String(value);
  const shown = text
    .slice(0, text.length > SHOWN ? SHORTENED : SHOWN)
    .replace(UNSHOWABLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  return text.length > SHOWN ? `${shown}… (${text.length} characters)` : shown;
}
const [SHOWN, SHORTENED] = [80, 60];
const withoutBigInt = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

export const fault = (field: string, value: unknown, problem: string, fix: string): Fault => ({
  field,
  value: showValue(value),
  problem,
  fix,
});

/** Reads one field: gives the value, or adds the fault to `faults` and gives undefined. */
export function take<T>(faults: Fault[], field: string, value: unknown, result: Parsed<T>): T | undefined {
  if (result.ok) return result.value;
  faults.push(fault(field, value, result.problem, result.fix));
  return undefined;
}

/** What is wrong, within a sentence. */
export const sayFault = ({ field, value, problem }: Fault): string => `${field} "${value}" ${problem}`;

/** The one sentence form of a fault, as people see it. */
export const formatFault = ({ field, value, problem, fix }: Fault): string =>
  `${field} "${value}": ${problem}; ${fix}`;
