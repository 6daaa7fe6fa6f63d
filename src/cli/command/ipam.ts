import { Command } from 'commander';
import type { World } from '../world.ts';
import { examples, optionsOf, sessionOptions } from './common.ts';

export function ipamCommand(world: World): Command {
  const ipam = sessionOptions(
    new Command('ipam').description('Addresses: what is used and by whom, and whether the records are sound'),
    true,
  );

  sessionOptions(
    ipam
      .command('ls')
      .description('Subnets with their use, and the blocks that hosts own')
      .argument('[network]', 'name or id; all networks when left out')
      .addHelpText(
        'after',
        examples(
          ['weft ipam ls', 'is any subnet running out?'],
          ['weft ipam ls web', 'which host owns which block of web'],
          ["weft ipam ls --json | jq '.[].subnets[] | {cidr, percent}'", 'for monitoring'],
        ),
      )
      .action(async (network, _, command: Command) =>
        (await import('../action/ipam.ts')).listAddresses(world, optionsOf(command), network),
      ),
    true,
  );

  sessionOptions(
    ipam
      .command('audit')
      .description('Hold all records of addresses against each other')
      .option('--repair', 'put right what takes no decision')
      .option('--dry-run', 'with --repair: show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft ipam audit', 'exit code 6 when something is found'],
          ['weft ipam audit --repair --dry-run', 'look first'],
          ['weft ipam audit --repair', 'exit code 6 when something remains'],
        ),
      )
      .action(async (_, command: Command) =>
        (await import('../action/audit.ts')).auditAddresses(world, optionsOf(command)),
      ),
    true,
  );
  return ipam;
}
