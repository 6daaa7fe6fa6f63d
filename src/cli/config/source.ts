import { type Fault, fault } from '#model/fault.ts';

/** Where settings come from: the flags, the environment or a file. Values are as they were written. */
export interface Source {
  readonly values: Readonly<Record<string, unknown>>;
  /** How people find the setting there: `--log-level`, `WEFT_LOG_LEVEL`, `log-level`. */
  readonly nameOf: (key: string) => string;
  /** Such as `/etc/weft/agent.yaml, line 3`; empty where the name says it. */
  readonly placeOf: (key: string) => string;
}

/** A fault in one setting of a source, with the place where to mend it. */
export function settingFault(
  source: Source,
  key: string,
  value: unknown,
  problem: string,
  fix: string,
): Fault {
  const place = source.placeOf(key);
  return fault(source.nameOf(key), value, place ? `${problem} (${place})` : problem, fix);
}

/** Flags as commander gives them: `logLevel` is `--log-level`. Those that are no settings are left out. */
export function flagSource(options: Readonly<Record<string, unknown>>, keys: readonly string[]): Source {
  const given = keys.map((key) => [
    key,
    options[key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())],
  ]);
  return {
    values: Object.fromEntries(given.filter(([, value]) => value !== undefined)),
    nameOf: (key) => `--${key}`,
    placeOf: () => '',
  };
}

/** `log-level` is WEFT_LOG_LEVEL; an empty variable counts as unset, as shells make them. */
export function environmentSource(
  env: Readonly<Record<string, string | undefined>>,
  keys: readonly string[],
): Source {
  const nameOf = (key: string) => `WEFT_${key.toUpperCase().replaceAll('-', '_')}`;
  const given = keys.map((key) => [key, env[nameOf(key)]] as const);
  return { values: Object.fromEntries(given.filter(([, value]) => value)), nameOf, placeOf: () => '' };
}
