import { fault } from '#model/fault.ts';
import { faultError } from '../cli-error.ts';

/**
 * Reads the named options as numbers, for the wire. Whether a number makes sense is for the controller to say;
 * throws with every text that is none.
 */
export function takeNumbers<K extends string>(
  options: { readonly [key in K]?: string },
  keys: readonly K[],
): { [key in K]?: number } {
  const faults = [];
  const numbers: { [key in K]?: number } = {};
  for (const key of keys) {
    const text = options[key];
    if (text === undefined) continue;
    // Number('') and Number(' ') would be 0.
    const number = /^\S+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isFinite(number)) numbers[key] = number;
    else faults.push(fault(key, text, 'is not a number', `write it with digits, or leave --${key} out`));
  }
  if (faults.length > 0) throw faultError('usage', ...faults);
  return numbers;
}
