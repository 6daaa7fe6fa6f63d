import { type Fault, fault, take } from '#model/fault.ts';
import { isId } from '#model/id.ts';
import { type Parsed, parsed, unparsed } from '#model/parsed.ts';
import type { Faults } from './faults.ts';
import { listSome } from './list-some.ts';

/**
 * Readers of single fields: each gives the checked value, or adds a fault that names the field and gives undefined.
 * What the nouns can check by themselves is in `#model/*`; here is what only makes sense within a wish.
 */
export function readWholeNumber(
  faults: Faults,
  field: string,
  value: unknown,
  min: number,
  max: number,
): number | undefined {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  faults.invalid.push(
    fault(field, value, `is not a whole number from ${min} to ${max}`, 'give one in that range'),
  );
  return undefined;
}

export function readChoice<T extends string>(
  faults: Faults,
  field: string,
  value: string,
  choices: readonly T[],
): T | undefined {
  const choice = choices.find((each) => each === value);
  if (choice === undefined)
    faults.invalid.push(fault(field, value, 'is not known', `choose one of ${listSome(choices)}`));
  return choice;
}

/** A name that is also looked up by: it must not pass for an id. */
export function readName(
  faults: Faults,
  field: string,
  value: string,
  parse: (text: string) => Parsed<string>,
): string | undefined {
  const name = take(faults.invalid, field, value, parse(value));
  if (name === undefined || !isId(name.toUpperCase())) return name;
  faults.invalid.push(
    fault(field, value, 'looks like an id, which look-ups take too', 'choose another name'),
  );
  return undefined;
}

/** Reads every item of a list, each with its own fault; those that could be read, in order. */
export function readEach<T>(
  faults: Fault[],
  field: string,
  values: readonly unknown[],
  parse: (text: string) => Parsed<T>,
): T[] {
  return values.flatMap((value) => {
    const item = take(faults, field, value, typeof value === 'string' ? parse(value) : notText);
    return item === undefined ? [] : [item];
  });
}
const notText = unparsed('is not text', 'give it as text');

const MAX_CONTAINER_ID_LENGTH = 256;

/** A runtime's word for a container: anything that can be shown on one line. */
export function parseContainerId(text: string): Parsed<string> {
  if (text.length > MAX_CONTAINER_ID_LENGTH)
    return unparsed(`has ${text.length} characters`, `use at most ${MAX_CONTAINER_ID_LENGTH}`);
  return /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(text)
    ? parsed(text)
    : unparsed(text === '' ? 'is empty' : 'has characters that cannot be shown', 'use printable characters');
}
