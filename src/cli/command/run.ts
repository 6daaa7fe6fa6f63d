import { Command } from 'commander';
import type { World } from '../world.ts';
import { collect, examples, optionsOf, rootOption, sessionOptions, tlsOptions } from './common.ts';

/** `controller` and `agent`: the long-running processes. */
export function controllerCommand(world: World): Command {
  const controller = new Command('controller')
    .description('Run the central process')
    .option('--config <file>', 'instead of /etc/weft/controller.yaml')
    .option(
      '--listen <url>',
      'also serve here: https://ADDR:7470, http://127.0.0.1:7470 or unix:///path',
      collect,
    )
    .option('--pool-ipv4 <cidr>', 'where networks get their IPv4 subnets (default: 10.128.0.0/9)')
    .option('--pool-ipv4-prefix-length <n>', 'size of each of them (default: 20)')
    .option('--pool-ipv6 <cidr>', 'a /48 to cut /64s from (default: a random unique local one)')
    .option('--log-level <level>', 'debug, info, warn or error (default: info)');
  tlsOptions(controller);
  return rootOption(controller)
    .addHelpText(
      'after',
      `${examples(
        ['weft controller', 'serve on /run/weft/controller.sock'],
        [
          'weft controller --listen https://10.0.0.1:7470 --tls-cert c.pem --tls-key k.pem --tls-ca ca.pem',
          'serve other machines, with mutual TLS',
        ],
      )}\n\n${settingsNote('controller', 'listen: [https://10.0.0.1:7470]')}`,
    )
    .action(async (_, command: Command) =>
      (await import('../action/run.ts')).runController(world, optionsOf(command)),
    );
}

export function agentCommand(world: World): Command {
  const agent = new Command('agent')
    .description('Run the process on each host')
    .option('--config <file>', 'instead of /etc/weft/agent.yaml')
    .option('--name <name>', "the host's name, a DNS label (default: the machine's)")
    .option('--controller <url>', "whom to follow (default: the controller's socket on this machine)")
    .option('--underlay <address|interface>', 'where tunnels end (default: as the route to the controller)')
    .option('--docker-socket <path>', "of this host's engine (default: /var/run/docker.sock)")
    .option(
      '--docker-plugin <path>',
      'where Docker finds its drivers, or off (default: /run/docker/plugins/weft.sock; with --root, off)',
    )
    .option(
      '--docker-driver <name>',
      'what Docker calls them (default: weft; of a managed plugin, weft:latest)',
    )
    .option('--label <key=value>', 'may be repeated', collect)
    .option('--log-level <level>', 'debug, info, warn or error (default: info)');
  tlsOptions(agent);
  rootOption(agent)
    .addHelpText(
      'after',
      `${examples(
        ['weft agent', 'follow the controller on this machine'],
        ['weft agent --controller https://10.0.0.1:7470 --underlay eth1', 'follow one elsewhere'],
      )}\n\n${settingsNote('agent', 'controller: https://10.0.0.1:7470')}`,
    )
    .action(async (_, command: Command) =>
      (await import('../action/run.ts')).runAgent(world, optionsOf(command)),
    );

  sessionOptions(
    agent
      .command('reset')
      .description('Remove every trace of Weft from this host, with its endpoints')
      .option('--yes', 'do not ask')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(['weft agent reset --dry-run', 'look first'], ['weft agent reset --yes', 'for scripts']),
      )
      .action(async (_, command: Command) =>
        (await import('../action/reset.ts')).resetAgent(world, optionsOf(command)),
      ),
    false,
  );
  return agent;
}

const settingsNote = (role: string, line: string): string =>
  `Each option is also a key in /etc/weft/${role}.yaml (such as "${line}")\n` +
  'and an environment variable (--log-level is WEFT_LOG_LEVEL). A flag beats the environment,\n' +
  'which beats the file.';
