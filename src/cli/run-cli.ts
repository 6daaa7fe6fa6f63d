import { Command, CommanderError } from 'commander';
import { fault } from '#model/fault.ts';
import { CliError, faultError, nearest } from './cli-error.ts';
import { type ExitName, exitCodeOf } from './exit-code.ts';
import { buildProgram } from './program.ts';
import { reportError } from './report-error.ts';
import type { World } from './world.ts';

/** Runs one command line (without `node weft`) and gives its exit code; never throws. */
export async function runCli(args: readonly string[], outer: Omit<World, 'exitWith'>): Promise<number> {
  let exit: ExitName = 'ok';
  const world: World = {
    ...outer,
    exitWith: (name) => {
      exit = name;
    },
  };
  const end = args.indexOf('--');
  const json = args.slice(0, end < 0 ? undefined : end).includes('--json');
  try {
    const program = buildProgram(world, args.includes('lab') ? await world.loadLab() : labStandIn());
    await parse(program, withoutHelp(program, args));
    return exitCodeOf(exit);
  } catch (error) {
    return reportError(error, world, json);
  }
}

/** What `weft --help` says of the lab, without loading it. */
const labStandIn = (): Command =>
  new Command('lab').description('Several hosts on this one machine, to look at and try');

/** `help network create` as `network create --help`: commander knows one word, and shows all of its help for a wrong one. */
function withoutHelp(program: Command, args: readonly string[]): readonly string[] {
  if (args[0] !== 'help') return args;
  let at = program;
  for (const [index, word] of args.entries()) {
    if (index === 0 || word.startsWith('-') || at.commands.length === 0) continue;
    const child = at.commands.find((command) => command.name() === word);
    if (!child) throw unknownCommand(at, commandPath(program, args.slice(1, index)), word);
    at = child;
  }
  return [...args.slice(1), '--help'];
}

function unknownCommand({ commands }: Command, path: string, word: string): CliError {
  const near = nearest(
    word,
    commands.map((command) => command.name()),
  );
  const fix = near ? `did you mean ${near}?` : `see ${path} --help`;
  return faultError('usage', fault('command', word, 'is not known', fix));
}

async function parse(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error, commandPath(program, args));
  }
}

/** Commander's own words, in our form: what was wrong, and where the right usage stands. */
function usageError(error: CommanderError, command: string): CliError {
  const help = `see ${command} --help`;
  if (error.code === 'commander.help')
    return new CliError('usage', `${command} needs a command`, 'choose one of those');
  const [message = '', hint] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(hint ?? '')?.[1];
  const fix = suggestion ? `did you mean ${suggestion}?` : help;
  const unknown = /^unknown (option|command) '(.*)'$/s.exec(message);
  if (!unknown) return new CliError('usage', message, fix);
  return faultError('usage', fault(unknown[1]!, unknown[2]!, 'is not known', fix));
}

/** The command that was meant, as far as it can be told: `weft network create`. */
function commandPath(program: Command, args: readonly string[]): string {
  const path = [program.name()];
  let at = program;
  for (const [index, arg] of args.entries()) {
    const isValue = program.options.some((option) => option.required && option.long === args[index - 1]);
    if (arg.startsWith('-') || isValue) continue;
    const child = at.commands.find((command) => command.name() === arg);
    if (!child) break;
    path.push(arg);
    at = child;
  }
  return path.join(' ');
}
