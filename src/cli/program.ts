import { Command, Help } from 'commander';
import { sessionOptions } from './command/common.ts';
import { completionCommands } from './command/completion.ts';
import { endpointCommand } from './command/endpoint.ts';
import { hostCommand } from './command/host.ts';
import { ipamCommand } from './command/ipam.ts';
import { lookCommands } from './command/look.ts';
import { networkCommand } from './command/network.ts';
import { outsideCommands } from './command/outside.ts';
import { peerCommand } from './command/peer.ts';
import { agentCommand, controllerCommand } from './command/run.ts';
import { EXIT_CODES } from './exit-code.ts';
import { styleFor } from './output/style.ts';
import type { World } from './world.ts';

const EXIT_CODE_HELP = Object.values(EXIT_CODES)
  .map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)
  .join('\n');

const FIRST_STEPS = `
First steps:
  $ weft controller &                  # the central process, once
  $ weft agent --underlay eth0 &       # on each host
  $ weft network create web            # a network over all of them
  $ ip netns add c1                    # any container, or a namespace made by hand
  $ weft endpoint attach c1 web        # an interface in it
  $ weft status                        # is all well?

Or see it all on this one machine: weft lab demo

Exit codes:
${EXIT_CODE_HELP}`;

/** The whole tree of commands. Only words: what they do is loaded when they run. */
export function buildProgram(world: World, lab: Command): Command {
  const program = new Command('weft')
    .description("Networks for containers across many Linux hosts, over the kernel's own VXLAN.")
    .usage('[options] <command>')
    // So that `weft lab exec h1 ip --json link` keeps its own options.
    .enablePositionalOptions()
    .helpCommand('help [command]', 'Show the help of a command')
    .addHelpText('after', FIRST_STEPS);
  program.commandsGroup('Networks:');
  for (const command of [
    networkCommand(world),
    endpointCommand(world),
    hostCommand(world),
    peerCommand(world),
    ipamCommand(world),
    ...outsideCommands(world),
  ])
    program.addCommand(command);
  program.commandsGroup('Look:');
  for (const command of lookCommands(world)) program.addCommand(command);
  program.commandsGroup('Run:');
  for (const command of [controllerCommand(world), agentCommand(world), lab]) program.addCommand(command);
  program.commandsGroup('Shell:');
  const [completion, complete] = completionCommands(world, program);
  program.addCommand(completion).addCommand(complete, { hidden: true });
  sessionOptions(program, true);
  prepare(program, world);
  return program;
}

/** Every command of the tree throws instead of exiting, and writes to the world's streams. */
function prepare(command: Command, world: World): void {
  const bold = styleFor(world.stdout, world.env).bold;
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void world.stdout.write(text),
      // The help that a group shows to who names no command of it; programs are told as of any other error.
      writeErr: (text) => {
        if (!command.optsWithGlobals().json) world.stderr.write(text);
      },
      outputError: () => {},
    })
    .configureHelp({
      helpWidth: Math.min(world.stdout.columns ?? 100, 110),
      styleTitle: bold,
      subcommandTerm: (child) =>
        [child.name(), ...child.registeredArguments.map((argument) => `<${argument.name()}>`)].join(' '),
      // A group shows its commands; the global options stand where they are used.
      visibleOptions: (shown) =>
        Help.prototype.visibleOptions
          .call(new Help(), shown)
          .filter(
            (option) =>
              !option.helpGroupHeading || !shown.parent || shown.commands.length === 0 || hasAction(shown),
          ),
    })
    .helpOption('-h, --help', 'show this');
  if (command.parent) command.helpCommand(false);
  for (const child of command.commands) prepare(child, world);
}

/** `agent` runs by itself and has commands too. */
const hasAction = (command: Command): boolean => command.name() === 'agent';
