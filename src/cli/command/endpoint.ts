import { Command } from 'commander';
import type { World } from '../world.ts';
import { collect, examples, optionsOf, sessionOptions } from './common.ts';

export function endpointCommand(world: World): Command {
  const endpoint = sessionOptions(
    new Command('endpoint').description('Attach containers to networks, detach, list and look at them'),
    true,
  );

  sessionOptions(
    endpoint
      .command('attach')
      .description('Give a container of this host an interface in a network')
      .argument('<namespace>', "the container's network namespace: a name (ip netns), a path or a pid")
      .argument('<network>', 'name or id')
      .option('--interface <name>', 'inside the container (default: the first free of eth0, eth1, …)')
      .option('--ip <address>', 'a fixed address; one a family', collect)
      .option('--mac <address>', 'a fixed MAC address')
      .option('--name <name>', 'name of the endpoint')
      .option('--alias <name>', 'another name; may be repeated', collect)
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft endpoint attach c1 web', 'the namespace /run/netns/c1'],
          ['weft endpoint attach 4711 web --name shop', 'the namespace of process 4711'],
          ['weft endpoint attach c1 web --ip 10.1.0.5 --interface eth1', 'address and interface chosen'],
        ),
      )
      .action(async (namespace, network, _, command: Command) =>
        (await import('../action/endpoint.ts')).attachEndpoint(world, optionsOf(command), namespace, network),
      ),
    false,
  );

  sessionOptions(
    endpoint
      .command('detach')
      .description('Take an interface away again')
      .argument('[endpoint]', 'name or id')
      .option('--namespace <namespace>', 'all endpoints of this namespace instead')
      .option('--network <network>', 'where a name is not unique: the network it is in')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft endpoint detach shop', 'by name'],
          ['weft endpoint detach shop --network web', 'where several networks have a shop'],
          ['weft endpoint detach --namespace c1', 'all that c1 has'],
        ),
      )
      .action(async (name, _, command: Command) =>
        (await import('../action/endpoint.ts')).detachEndpoint(world, optionsOf(command), name),
      ),
    false,
  );

  sessionOptions(
    endpoint
      .command('ls')
      .description('List endpoints')
      .option('--network <network>', 'only of this network')
      .option('--host <host>', 'only on this host')
      .addHelpText(
        'after',
        examples(['weft endpoint ls', 'all'], ['weft endpoint ls --network web --host h1', 'only these']),
      )
      .action(async (_, command: Command) =>
        (await import('../action/endpoint.ts')).listEndpoints(world, optionsOf(command)),
      ),
    true,
  );

  sessionOptions(
    endpoint
      .command('inspect')
      .description('The endpoints of that name, alias, address or id')
      .argument('<endpoint>', 'name, alias, IP or MAC address, or id')
      .option('--network <network>', 'only in this network')
      .addHelpText(
        'after',
        examples(['weft endpoint inspect shop', 'by name'], ['weft endpoint inspect 10.1.0.5', 'who is it?']),
      )
      .action(async (name, _, command: Command) =>
        (await import('../action/endpoint.ts')).inspectEndpoint(world, optionsOf(command), name),
      ),
    true,
  );
  return endpoint;
}
