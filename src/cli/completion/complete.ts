import fs from 'node:fs';
import type { Command, Option } from 'commander';
import { isOverlayNamespace } from '#model/own.ts';
import { UNDERLAY_FAMILIES } from '#model/records.ts';
import { TUNNEL_MODES } from '#model/tunnel-mode.ts';
import type { SessionOptions } from '../session.ts';
import type { World } from '../world.ts';
import { SHELLS } from './scripts.ts';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What fits at the cursor: words of the command tree, or a value of some kind (the placeholder's name). */
export interface Place {
  readonly candidates: readonly Candidate[];
  readonly kind?: string;
  /** What each value begins with: `--mode=` where that stands before it in one word. */
  readonly prefix?: string;
  /** Of the options typed so far, those that say whom to ask. */
  readonly session: SessionOptions;
}

/** Completion must never be in the way: any failure offers nothing. */
export async function printCandidates(
  world: World,
  program: Command,
  words: readonly string[],
): Promise<void> {
  const place = findPlace(program, words);
  const typed = (words.at(-1) ?? '').slice(place.prefix?.length ?? 0);
  const values = await valuesOf(place, typed, world).catch((): Candidate[] => []);
  const lines =
    values === 'files'
      ? [':files']
      : [
          ...place.candidates,
          ...values.map((one) => ({ ...one, value: `${place.prefix ?? ''}${one.value}` })),
        ].map(({ value, description }) => `${value}\t${description}`);
  if (lines.length > 0) world.stdout.write(`${lines.join('\n')}\n`);
}

/** Walks the tree along the finished words and says what may come last. */
export function findPlace(program: Command, words: readonly string[]): Place {
  let command = program;
  let operands = 0;
  let pending: Option | undefined;
  let closed = false;
  const session: Record<string, string> = {};
  for (const word of words.slice(0, -1)) {
    if (pending) {
      session[pending.attributeName()] = word;
      pending = undefined;
    } else if (word === '--' && !closed) closed = true;
    else if (!closed && word.startsWith('-')) {
      const given = joined(command, word);
      if (given) session[given.option.attributeName()] = given.value;
      else pending = takesValue(findOption(command, word));
    } else {
      const child = operands === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (child) command = child;
      // What help is wanted on is a command from here.
      else if (word !== 'help' || operands > 0) operands++;
    }
  }
  if (pending) return { candidates: [], kind: placeholder(pending.flags), session };
  const last = closed ? undefined : joined(command, words.at(-1) ?? '');
  if (last) return { candidates: [], kind: placeholder(last.option.flags), prefix: last.prefix, session };
  if (!closed && words.at(-1)?.startsWith('-')) return { candidates: visibleOptions(command), session };
  const args = command.registeredArguments;
  const argument = args[operands] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined);
  return { candidates: operands === 0 ? subcommands(command) : [], kind: argument?.name(), session };
}

const findOption = (command: Command, word: string): Option | undefined =>
  command.options.find(({ long, short }) => word === long || word === short);

const takesValue = (option: Option | undefined): Option | undefined =>
  option && (option.required || option.optional) ? option : undefined;

/** `--mode=static`: an option and its value in one word. */
function joined(
  command: Command,
  word: string,
): { option: Option; value: string; prefix: string } | undefined {
  const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  const option = name && takesValue(findOption(command, name));
  return option ? { option, value: value!, prefix: `${name}=` } : undefined;
}

const placeholder = (flags: string): string => /[<[](.*?)(\.\.\.)?[>\]]/.exec(flags)?.[1] ?? '';

const subcommands = (command: Command): Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ value: child.name(), description: child.description() }));

const visibleOptions = (command: Command): Candidate[] =>
  [...command.options, { long: '--help', description: 'show help', hidden: false }]
    .filter(({ long, hidden }) => long && !hidden)
    .map(({ long, description }) => ({ value: long!, description }));

const FIXED: Readonly<Record<string, readonly string[]>> = {
  mode: TUNNEL_MODES,
  family: UNDERLAY_FAMILIES,
  level: ['debug', 'info', 'warn', 'error'],
  shell: SHELLS,
  'on|off': ['on', 'off'],
};
const FILES = ['file', 'dir', 'directory', 'path'];
const RECORDS = ['network', 'endpoint', 'host', 'peer'] as const;

async function valuesOf(
  { kind, session }: Place,
  word: string,
  world: World,
): Promise<Candidate[] | 'files'> {
  if (FILES.includes(kind ?? '') || (kind === 'namespace' && word.startsWith('/'))) return 'files';
  const named = RECORDS.find((one) => one === kind);
  if (named) return (await import('./names.ts')).readNames(world, session, named);
  if (kind === 'namespace') return containers().map((value) => ({ value, description: kind }));
  return (FIXED[kind ?? ''] ?? []).map((value) => ({ value, description: kind! }));
}

/** The names that could be a container's. */
const containers = (): string[] => fs.readdirSync('/run/netns').filter((name) => !isOverlayNamespace(name));
