import { Command } from 'commander';
import type { World } from '../world.ts';
import { examples, optionsOf, sessionOptions } from './common.ts';

/** `status`, `plan` and `version`: they look, and change nothing. */
export function lookCommands(world: World): Command[] {
  const status = sessionOptions(
    new Command('status')
      .description('Is every host as wished? lag, drift, what the kernel refused, notices')
      .addHelpText(
        'after',
        examples(
          ['weft status', 'exit code 6 when something needs a look'],
          ['watch -n2 weft status', 'kept in sight'],
        ),
      )
      .action(async (_, command: Command) =>
        (await import('../action/status.ts')).showStatus(world, optionsOf(command)),
      ),
    true,
  );

  const plan = sessionOptions(
    new Command('plan')
      .description("What this host's agent would tell its kernel now, as ip and bridge lines")
      .addHelpText('after', examples(['weft plan', 'nothing to do means: the kernel is as wished']))
      .action(async (_, command: Command) =>
        (await import('../action/plan.ts')).showPlan(world, optionsOf(command)),
      ),
    false,
  );

  const version = sessionOptions(
    new Command('version')
      .description('Versions of this command and of who answers it')
      .addHelpText('after', examples(['weft version', 'and whether a controller is followed']))
      .action(async (_, command: Command) =>
        (await import('../action/version.ts')).showVersion(world, optionsOf(command)),
      ),
    true,
  );
  return [status, plan, version];
}
