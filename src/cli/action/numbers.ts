import { type Fault, fault } from '#model/fault.ts';
import { faultError } from '../cli-error.ts';

/**
 * Reads the named options as numbers, for the wire. Whether a number makes sense is for the controller to say;
 * throws with every text that is none.
 */
export function takeNumbers<K extends string>(
  options: { readonly [key in K]?: string },
  keys: readonly K[],
): { [key in K]?: number } {
  const faults: Fault[] = [];
  const numbers: { [key in K]?: number } = {};
  for (const key of keys) {
    const text = options[key];
    if (text === undefined) continue;
    const [problem, fix] = problemOf(text) ?? [];
    if (problem) faults.push(fault(key, text, problem, `${fix}, or leave --${key} out`));
    else numbers[key] = Number(text);
  }
  if (faults.length > 0) throw faultError('usage', ...faults);
  return numbers;
}

/** Number() would read `1e3`, `0x10` and nothing at all, too; and the wire would round what is too large. */
function problemOf(text: string): [problem: string, fix: string] | undefined {
  if (!/^\d+$/.test(text)) return ['is not a plain number', 'write it with digits only'];
  return Number.isSafeInteger(Number(text)) ? undefined : ['is too large', 'give a smaller number'];
}
