import type { z } from 'zod';
import type { Fault } from '#model/fault.ts';
import { faultError, nearest } from '../cli-error.ts';
import { type Source, settingFault } from './source.ts';

type Shape = z.core.$ZodLooseShape;

/** Which source a setting's value came from; a default came from none. */
export interface Settings<T> {
  readonly values: T;
  readonly sourceOf: (key: keyof T & string) => Source | undefined;
}

/**
 * Checks every source whole (also what another one overrules) and merges them: the first that has a setting wins.
 * The schema must be strict with all keys optional. Throws with all faults of all sources at once.
 */
export function readSettings<S extends Shape, T>(
  schema: z.ZodObject<S> & z.ZodType<T>,
  sources: readonly Source[],
): Settings<T> {
  const faults: Fault[] = [];
  const read = sources.map((source) => {
    const result = schema.safeParse(source.values);
    if (result.success) return { source, values: result.data };
    for (const issue of result.error.issues)
      faults.push(...faultsOf(issue, source, Object.keys(schema.shape)));
    return { source, values: {} as T };
  });
  if (faults.length > 0) throw faultError('usage', ...faults);
  return {
    values: Object.assign({}, ...read.map(({ values }) => values).reverse()) as T,
    sourceOf: (key) => read.find(({ source }) => source.values[key] !== undefined)?.source,
  };
}

function faultsOf(issue: z.core.$ZodIssue, source: Source, known: readonly string[]): Fault[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const fix = near ? `did you mean ${near}?` : `known are ${known.join(', ')}`;
      return settingFault(source, key, source.values[key], 'is not a known key', fix);
    });
  const key = String(issue.path[0] ?? '');
  const value = issue.path.reduce<unknown>(
    (at, step) => (at as { [step: PropertyKey]: unknown } | undefined)?.[step],
    source.values,
  );
  const { fix, value: part } = issue.code === 'custom' ? (issue.params ?? {}) : {};
  return [
    settingFault(
      source,
      key,
      part ?? value ?? source.values[key],
      issue.message,
      String(fix ?? 'see weft --help'),
    ),
  ];
}
