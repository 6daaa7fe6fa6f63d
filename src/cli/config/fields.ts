import fs from 'node:fs';
import * as z from 'zod';
import { type Cidr, cidrFamily, parseCidr } from '#model/cidr.ts';
import type { Family } from '#model/ip.ts';
import { type Parsed, parsed, unparsed } from '#model/parsed.ts';
import { parseAddress } from '#transport/address.ts';

/** The kinds of settings. Each takes what YAML, a flag or the environment gives, and says problem and fix. */

/** Plain text (a YAML number or boolean counts as what was typed) that a parser takes. */
export const scalar = <T>(parse: (text: string) => Parsed<T>) =>
  z.unknown().transform((value, context): T => {
    const plain = ['string', 'number', 'boolean'].includes(typeof value);
    const result = plain ? parse(String(value)) : unparsed('is not plain text', 'write one value');
    if (result.ok) return result.value;
    context.addIssue({ code: 'custom', message: result.problem, params: { fix: result.fix } });
    return z.NEVER;
  });

/** One or several: a YAML list, a repeated flag, or a comma between them in the environment. */
export const list = <T>(parse: (text: string) => Parsed<T>) =>
  z
    .unknown()
    .transform((value) => (Array.isArray(value) ? value : String(value ?? '').split(',')))
    .pipe(z.array(scalar(parse)));

export const anyText = scalar(parsed<string>);

/** An address to listen on or to call, kept as it was written. */
export const address = (text: string): Parsed<string> => {
  const result = parseAddress(text);
  return result.ok ? parsed(text) : result;
};

export const cidrOf = (family: Family, longest: number) =>
  scalar((text): Parsed<Cidr> => {
    const result = parseCidr(text);
    if (!result.ok) return result;
    if (cidrFamily(result.value) !== family)
      return unparsed(`is not IPv${family}`, `give an IPv${family} subnet`);
    return Number(result.value.split('/')[1]) <= longest
      ? result
      : unparsed('is too small', `give a /${longest} or larger`);
  });

export const integer = (least: number, most: number) =>
  scalar((text) =>
    /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most
      ? parsed(Number(text))
      : unparsed(`is not a whole number from ${least} to ${most}`, 'give one'),
  );

export const oneOf = <T extends string>(words: readonly T[]) =>
  scalar((text): Parsed<T> => {
    const found = words.find((word) => word === text);
    return found === undefined ? unparsed('is not known', `use one of ${words.join(', ')}`) : parsed(found);
  });

/** A file that can be read now: a wrong path is said at the start, by the name of its setting. */
export const readableFile = scalar((text) => {
  try {
    fs.accessSync(text, fs.constants.R_OK);
    return fs.statSync(text).isFile()
      ? parsed(text)
      : unparsed('is not a file', 'give the path of a PEM file');
  } catch (error) {
    return unparsed(`cannot be read: ${(error as Error).message}`, 'give the path of a PEM file');
  }
});

/** `key: value` of a YAML map, or `key=value` texts. */
export const labels = z.unknown().transform((value, context): Record<string, string> => {
  const entries =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).map(([key, text]) => [key, typeof text === 'object' ? undefined : String(text)])
      : (Array.isArray(value) ? value : String(value ?? '').split(',')).map((text) =>
          splitLabel(String(text)),
        );
  for (const [key, text] of entries)
    if (!key || text === undefined)
      context.addIssue({
        code: 'custom',
        message: 'is no key and value',
        params: { fix: 'write it like zone=a', value: key },
      });
  return Object.fromEntries(entries);
});

const splitLabel = (text: string): [string, string | undefined] => {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
};

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
