import { Command, InvalidArgumentError, Option } from 'commander';
import { faultError } from '#cli/cli-error.ts';
import { fault } from '#model/fault.ts';
import { UNDERLAY_FAMILIES, type UnderlayFamily } from '#model/records.ts';
import { DEFAULT_TUNNEL_MODE, TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import { MAX_CONTAINERS, MAX_HOSTS, NETWORK_NAMES } from './layout.ts';

export interface ShapeOptions {
  readonly hosts: number;
  readonly containers: number;
  readonly networks: number;
  readonly mode: TunnelMode;
  readonly underlay: UnderlayFamily;
  readonly mtu: number;
}

/** `weft lab …`: only words; what they do is loaded when they run. */
export function labCommand(): Command {
  const lab = new Command('lab')
    .description('several hosts on this one machine, to look at and try')
    // So that the command of `exec` keeps its own options.
    .enablePositionalOptions();

  shapeOptions(
    named(lab.command('up').description('bring up hosts, networks over them and containers in them')),
  )
    .addHelpText(
      'after',
      examples(['weft lab up', '3 hosts'], ['weft lab up --hosts 5 --mode flood', 'another shape']),
    )
    .action(async (_, command: Command) =>
      exitWith((await import('./actions.ts')).up(nameOf(command), shapeOf(command))),
    );

  shapeOptions(
    named(lab.command('demo').description('show that it works: topology, pings, one frame taken apart')),
  )
    .option('--json', 'the same as data')
    .option('--down', 'remove the lab afterwards')
    .addHelpText(
      'after',
      examples(
        ['weft lab demo', 'brings the lab up if it is not'],
        ['weft lab demo --json | jq .verdict', 'for scripts'],
      ),
    )
    .action(async (options: { json?: boolean; down?: boolean }, command: Command) =>
      exitWith((await import('./actions.ts')).demo(nameOf(command), shapeOf(command), options)),
    );

  named(lab.command('exec').description('run a command on a host of the lab, or in a container'))
    .argument('<place>', 'h1 for a host, h1/c2 for a container')
    .argument('[command...]', 'what to run, best after --; a shell when left out')
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        ['weft lab exec h1 -- weft status', 'on a host, weft speaks with its agent'],
        ['weft lab exec h1/c1 -- ping 10.1.0.8', 'from a container'],
        ['weft lab exec h2 -- tcpdump -ni eth0 udp port 4789', 'see the tunnels'],
      ),
    )
    .action(async (place: string, words: string[], _, command: Command) =>
      exitWith(
        (await import('./actions.ts')).exec(
          nameOf(command),
          place,
          words[0] === '--' ? words.slice(1) : words,
        ),
      ),
    );

  named(
    lab.command('status').description('what runs, where its sockets and logs are, and what weft status says'),
  )
    .option('--json', 'the same as data')
    .addHelpText('after', examples(['weft lab status', 'exit code 6 when something needs a look']))
    .action(async (options: { json?: boolean }, command: Command) =>
      exitWith((await import('./actions.ts')).status(nameOf(command), options)),
    );

  const run = lab
    .command('run')
    .description('lessons on real container engines, which check what they claim');
  run
    .command('docker')
    .description('two Docker engines: joined bridges, networks over both, the way out and in (as root)')
    .option('--engine <directory>', 'an engine that tools/fetch-docker.sh unpacked, not this machine’s')
    .option('--json', 'what was typed, seen and claimed, as data')
    .addHelpText(
      'after',
      examples(
        ['weft lab run docker', 'what to type, what to look at, and why'],
        ['weft lab run docker --engine .cache/docker/20.10', 'on that engine'],
      ),
    )
    .action(async (options: { engine?: string; json?: boolean }) =>
      exitWith((await import('./docker/run-docker.ts')).runDocker(options)),
    );

  named(lab.command('down').description('remove everything that the lab made; without a lab nothing happens'))
    .addHelpText('after', examples(['weft lab down', 'namespaces, processes, files']))
    .action(async (_, command: Command) => exitWith((await import('./actions.ts')).down(nameOf(command))));
  return lab;
}

const exitWith = async (code: Promise<number>): Promise<void> => {
  process.exitCode = await code;
};

const named = (command: Command): Command =>
  command.addOption(
    new Option('--name <name>', 'of the lab; its namespaces begin with it')
      .env('WEFT_LAB')
      .default('lab')
      .argParser(readLabName),
  );

const nameOf = (command: Command): string => command.opts<{ name: string }>().name;

function shapeOptions(command: Command): Command {
  return command
    .option('--hosts <n>', 'hosts on the underlay', wholeNumber(1, MAX_HOSTS), 3)
    .option('--containers <n>', 'on each host in each network', wholeNumber(0, MAX_CONTAINERS), 2)
    .option('--networks <n>', 'networks over all hosts', wholeNumber(0, NETWORK_NAMES.length), 2)
    .addOption(
      new Option('--mode <mode>', 'how VTEPs are found').choices(TUNNEL_MODES).default(DEFAULT_TUNNEL_MODE),
    )
    .addOption(new Option('--underlay <family>', 'outer header').choices(UNDERLAY_FAMILIES).default('ipv4'))
    .option('--mtu <bytes>', 'of the underlay', wholeNumber(1350, 65_535), 1500);
}

/** Undefined when none of it was asked for: then any lab that is up will do. */
function shapeOf(command: Command): { shape: ShapeOptions; asked: boolean } {
  const names = ['hosts', 'containers', 'networks', 'mode', 'underlay', 'mtu'];
  const { hosts, containers, networks, mode, underlay, mtu } = command.opts<ShapeOptions>();
  // Not with its third host's first container: a lab takes seconds until there.
  if (mode === 'p2p' && hosts > 2 && containers * networks > 0)
    throw faultError(
      'usage',
      fault(
        'hosts',
        hosts,
        'are too many for mode p2p, which goes from point to point',
        'say --hosts 2, or another --mode, such as flood',
      ),
    );
  return {
    shape: { hosts, containers, networks, mode, underlay, mtu },
    asked: names.some((name) => command.getOptionValueSource(name) === 'cli'),
  };
}

const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };

/** It begins names of namespaces, directories and files; `weft-…` is the agents' own. */
function readLabName(text: string): string {
  if (/^[a-z][a-z0-9]{0,15}$/.test(text) && text !== 'weft') return text;
  throw new InvalidArgumentError(
    'Give up to 16 lower-case letters and digits, a letter first, and not "weft".',
  );
}

const examples = (...lines: readonly (readonly [command: string, purpose: string])[]): string => {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, purpose]) => `  $ ${command.padEnd(width)}  # ${purpose}`).join('\n')}`;
};
