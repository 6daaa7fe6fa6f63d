import { Command } from 'commander';
import type { World } from '../world.ts';
import { examples } from './common.ts';

/** `completion SHELL` prints a script for the shell's start-up file; the script asks `__complete` at each Tab. */
export function completionCommands(world: World, program: Command): [Command, Command] {
  const completion = new Command('completion')
    .description('Print the script that makes Tab complete commands, options and names')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText(
      'after',
      examples(
        ['source <(weft completion bash)', 'for this shell'],
        ['weft completion bash > /etc/bash_completion.d/weft', 'for all'],
        ['weft completion zsh > /usr/local/share/zsh/site-functions/_weft', 'zsh'],
        ['weft completion fish > ~/.config/fish/completions/weft.fish', 'fish'],
      ),
    )
    .action(async (shell) => (await import('../completion/scripts.ts')).printScript(world, shell));

  const complete = new Command('__complete')
    .argument('[words...]', 'of the line so far, the unfinished one last')
    .allowUnknownOption()
    .action(async (words) =>
      (await import('../completion/complete.ts')).printCandidates(world, program, words),
    );
  return [completion, complete];
}
