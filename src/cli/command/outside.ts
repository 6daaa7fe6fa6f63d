import { Command } from 'commander';
import type { World } from '../world.ts';
import { collect, examples, optionsOf, sessionOptions } from './common.ts';

/** The ways between a network and what is outside it. */
export const outsideCommands = (world: World): Command[] => [
  publishCommand(world),
  unpublishCommand(world),
  exposeCommand(world),
  hideCommand(world),
];

function publishCommand(world: World): Command {
  const publish = sessionOptions(
    new Command('publish')
      .description('Let a port of its host lead to an endpoint; `publish ls` lists what does')
      .argument('<endpoint>', 'name or id')
      .argument('<mapping>', '[HOSTIP:]PORT:PORT[/tcp|/udp]: the host’s port, then the endpoint’s')
      .option('--network <network>', 'where a name is not unique: the network it is in')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft publish shop 8080:80', 'port 8080 of the host that shop is on'],
          ['weft publish shop 192.0.2.1:443:443', 'of that address only'],
          ['weft publish ns 53:53/udp', 'UDP'],
          ['weft publish ls', 'what is published, where'],
        ),
      )
      .action(async (endpoint, mapping, _, command: Command) =>
        (await import('../action/publish.ts')).publishPort(world, optionsOf(command), endpoint, mapping),
      ),
    true,
  );
  sessionOptions(
    publish
      .command('ls')
      .description('List published ports')
      .addHelpText('after', examples(['weft publish ls', 'of all hosts']))
      .action(async (_, command: Command) =>
        (await import('../action/publish.ts')).listPublications(world, optionsOf(command)),
      ),
    true,
  );
  return publish;
}

const unpublishCommand = (world: World): Command =>
  sessionOptions(
    new Command('unpublish')
      .description('Take a published port back')
      .argument('<endpoint>', 'name or id')
      .argument('[mapping]', 'as `publish ls` shows it; all of the endpoint’s when left out')
      .option('--network <network>', 'where a name is not unique: the network it is in')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(['weft unpublish shop 8080:80', 'that port'], ['weft unpublish shop', 'all ports of shop']),
      )
      .action(async (endpoint, mapping, _, command: Command) =>
        (await import('../action/publish.ts')).unpublishPort(world, optionsOf(command), endpoint, mapping),
      ),
    true,
  );

const exposeCommand = (world: World): Command =>
  sessionOptions(
    new Command('expose')
      .description('Let a host itself take part in a network, and other machines reach it through the host')
      .argument('<network>', 'name or id')
      .option('--host <host>', 'name or id; default: this one')
      .option('--ip <address>', 'its address in the network; again for the other family', collect)
      .option('--allow-overlap', 'although the host routes the subnet elsewhere')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft expose web', 'this host has an address in web now'],
          ['weft expose web --host h2 --ip 10.1.0.200', 'host h2, with that address'],
          ['ip route add 10.1.0.0/16 via 192.0.2.1', 'on another machine: to web through the host 192.0.2.1'],
        ),
      )
      .action(async (network, _, command: Command) =>
        (await import('../action/expose.ts')).exposeNetwork(world, optionsOf(command), network),
      ),
    true,
  );

const hideCommand = (world: World): Command =>
  sessionOptions(
    new Command('hide')
      .description('Take a host out of a network that is exposed on it')
      .argument('<network>', 'name or id')
      .option('--host <host>', 'name or id; default: this one')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft hide web', 'this host leaves web; its address goes back'],
          ['weft hide web --host h2', 'host h2'],
        ),
      )
      .action(async (network, _, command: Command) =>
        (await import('../action/expose.ts')).hideNetwork(world, optionsOf(command), network),
      ),
    true,
  );
