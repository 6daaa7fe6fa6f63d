/**
 * What a parser of outside text answers: the canonical value, or why not and how to put it right.
 * The caller knows which field it was reading and adds that (see fault.ts).
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string; readonly fix: string };

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });

export const unparsed = (problem: string, fix: string): Parsed<never> => ({ ok: false, problem, fix });
