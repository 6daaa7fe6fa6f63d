import { Command } from 'commander';
import type { World } from '../world.ts';
import { examples, optionsOf, sessionOptions } from './common.ts';

export function hostCommand(world: World): Command {
  const host = sessionOptions(new Command('host').description('List, look at, evict and remove hosts'), true);

  sessionOptions(
    host
      .command('ls')
      .description('List all hosts')
      .addHelpText('after', examples(['weft host ls', 'who is here, and whose agent is connected']))
      .action(async (_, command: Command) =>
        (await import('../action/host.ts')).listHosts(world, optionsOf(command)),
      ),
    true,
  );

  sessionOptions(
    host
      .command('inspect')
      .description('One host with its endpoints and blocks')
      .argument('<host>', 'name or id')
      .addHelpText('after', examples(['weft host inspect h1', 'all there is to know about it']))
      .action(async (name, _, command: Command) =>
        (await import('../action/host.ts')).inspectHost(world, optionsOf(command), name),
      ),
    true,
  );

  sessionOptions(
    host
      .command('evict')
      .description('Take everything from a host that is lost: its endpoints, its blocks, its tunnels')
      .argument('<host>', 'name or id')
      .option('--yes', 'do not ask')
      .option('--dry-run', 'show what it would lose, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft host evict h3 --dry-run', 'what would be lost'],
          ['weft host evict h3 --yes', 'the machine burnt down'],
          ['weft host rm h3', 'after that, if it will not come back under that name'],
        ),
      )
      .action(async (name, _, command: Command) =>
        (await import('../action/evict.ts')).evictHost(world, optionsOf(command), name),
      ),
    true,
  );

  sessionOptions(
    host
      .command('rm')
      .description('Remove a host that has no endpoints')
      .argument('<host>', 'name or id')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText('after', examples(['weft host rm h3', 'stop its agent first, or it registers again']))
      .action(async (name, _, command: Command) =>
        (await import('../action/host.ts')).removeHost(world, optionsOf(command), name),
      ),
    true,
  );
  return host;
}
