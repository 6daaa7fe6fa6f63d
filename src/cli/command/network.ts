import { Command } from 'commander';
import type { World } from '../world.ts';
import { collect, examples, optionsOf, sessionOptions } from './common.ts';

const PORT_SECURITY =
  'on (default): frames that bear another’s MAC or address are dropped at the container’s port; off: none are';

export function networkCommand(world: World): Command {
  const network = sessionOptions(
    new Command('network').description('Make, list, look at, change and remove networks'),
    true,
  );

  sessionOptions(
    network
      .command('create')
      .description('Make a network that spans all hosts')
      .argument('<name>', 'letters, digits, "_", "." and "-", at most 128')
      .option('--subnet <cidr>', 'one for IPv4, one for IPv6; chosen from the pool when left out', collect)
      .option(
        '--gateway <gateway>',
        'its address in a subnet (its first when left out); or whose way out containers take: runtime (their runtime’s own if it has one) or anycast (always the network’s)',
        collect,
      )
      .option('--internal', 'closed: no way out for its containers')
      .option('--port-security <on|off>', PORT_SECURITY)
      .option(
        '--mode <mode>',
        'how VTEPs are found: p2p, multicast, flood, static, proxy or on-demand (default: proxy)',
      )
      .option('--group <address>', 'multicast group of mode multicast; chosen by the VNI when left out')
      .option('--vni <number>', 'VXLAN network identifier, 1 to 16777215')
      .option('--port <number>', 'UDP port of the tunnels (default: 4789)')
      .option('--underlay <family>', 'outer header: ipv4 or ipv6 (default: ipv4)')
      .option('--mtu <bytes>', 'of the containers; what the underlay leaves when left out')
      .option('--ttl <hops>', 'of the outer header (default: 64)')
      .option('--allow-overlap', 'take a subnet although a host already routes it')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft network create web', 'everything chosen'],
          ['weft network create web --subnet 10.1.0.0/16', 'IPv4 only'],
          ['weft network create db --subnet 10.2.0.0/16 --subnet fd00:2::/64', 'both families'],
          ['weft network create mc --mode multicast --group 239.1.1.1', 'unknown frames go to a group'],
          ['weft network create vault --internal', 'its containers reach each other and nobody else'],
          ['weft network create lab --mode flood --vni 5000 --dry-run', 'only show it'],
        ),
      )
      .action(async (name, _, command: Command) =>
        (await import('../action/network.ts')).createNetwork(world, optionsOf(command), name),
      ),
    true,
  );

  sessionOptions(
    network
      .command('ls')
      .description('List all networks')
      .addHelpText(
        'after',
        examples(
          ['weft network ls', 'a table'],
          ["weft network ls --json | jq -r '.[].name'", 'only the names'],
        ),
      )
      .action(async (_, command: Command) =>
        (await import('../action/network.ts')).listNetworks(world, optionsOf(command)),
      ),
    true,
  );

  sessionOptions(
    network
      .command('inspect')
      .description('One network with its hosts, VTEPs and endpoints')
      .argument('<network>', 'name or id')
      .addHelpText('after', examples(['weft network inspect web', 'all there is to know about it']))
      .action(async (name, _, command: Command) =>
        (await import('../action/network.ts')).inspectNetwork(world, optionsOf(command), name),
      ),
    true,
  );

  const change = (command: Command): Command =>
    sessionOptions(
      command
        .option('--force', 'go on without hosts that are away; they follow when they are back')
        .option('--no-wait', 'do not wait until all hosts have changed')
        .option('--dry-run', 'show what would be done and lost, do nothing'),
      true,
    );

  change(
    network
      .command('set-mode')
      .description('Change how VTEPs are found, while traffic flows')
      .argument('<network>', 'name or id')
      .argument('<mode>', 'p2p, multicast, flood, static, proxy or on-demand')
      .option('--group <address>', 'multicast group of mode multicast; chosen by the VNI when left out')
      .addHelpText(
        'after',
        examples(
          ['weft network set-mode web static --dry-run', 'the plan, and what is expected to be lost'],
          ['weft network set-mode web flood', 'do it, host by host, and tell what was lost'],
        ),
      )
      .action(async (name, mode, _, command: Command) =>
        (await import('../action/change-network.ts')).changeNetwork(
          world,
          { ...optionsOf<object>(command), mode },
          name,
        ),
      ),
  );

  change(
    network
      .command('set')
      .description('Change a network, while traffic flows')
      .argument('<network>', 'name or id')
      .option('--mode <mode>', 'p2p, multicast, flood, static, proxy or on-demand')
      .option('--group <address>', 'multicast group of mode multicast')
      .option('--port <number>', 'UDP port of the tunnels; nothing is lost')
      .option('--mtu <bytes>', 'of the containers')
      .option('--ttl <hops>', 'of the outer header')
      .option('--port-security <on|off>', PORT_SECURITY)
      .addHelpText(
        'after',
        examples(
          [
            'weft network set web --port 4790',
            'listen on both ports, send on the new one, close the old one',
          ],
          ['weft network set web --mtu 1400 --dry-run', 'only show it'],
          [
            'weft network set web --port-security off',
            'containers in it have addresses that Weft does not know',
          ],
          [
            'weft network set web --mode flood --port 4790',
            'with a new port no change of mode loses anything',
          ],
        ),
      )
      .action(async (name, _, command: Command) =>
        (await import('../action/change-network.ts')).changeNetwork(world, optionsOf(command), name),
      ),
  );

  sessionOptions(
    network
      .command('rm')
      .description('Remove a network that has no endpoints')
      .argument('<network>', 'name or id')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText('after', examples(['weft network rm web', 'refused while containers are in it']))
      .action(async (name, _, command: Command) =>
        (await import('../action/network.ts')).removeNetwork(world, optionsOf(command), name),
      ),
    true,
  );
  sessionOptions(
    network
      .command('adopt')
      .description('Join a bridge of this host that something else owns (Docker, libvirt) to a network')
      .argument('<bridge>', 'name of the bridge, as in `ip link show type bridge`')
      .option('--network <name>', 'which one; made if there is none of that name (default: as the bridge)')
      .option('--mode <mode>', 'of a new network: static, flood or p2p (default: static)')
      .option('--vni <number>', 'of a new network: VXLAN network identifier, 1 to 16777215')
      .option('--port <number>', 'of a new network: UDP port of the tunnels (default: 4789)')
      .option('--underlay <family>', 'of a new network: ipv4 or ipv6 (default: ipv4)')
      .option('--ttl <hops>', 'of a new network: of the outer header (default: 64)')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft network adopt br-5f0c3a9d1e77 --network shared', 'on each host with its own bridge'],
          ['weft network adopt docker0', 'network docker0'],
          ['weft network adopt virbr0 --network vms --mode flood --dry-run', 'only show it'],
        ),
      )
      .action(async (bridge, _, command: Command) =>
        (await import('../action/adopt.ts')).adoptBridge(world, optionsOf(command), bridge),
      ),
    false,
  );

  sessionOptions(
    network
      .command('disown')
      .description('Let go of an adopted bridge of this host, and leave it as it was')
      .argument('<bridge>', 'name of the bridge')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(['weft network disown br-5f0c3a9d1e77', 'its containers are alone again']),
      )
      .action(async (bridge, _, command: Command) =>
        (await import('../action/adopt.ts')).disownBridge(world, optionsOf(command), bridge),
      ),
    false,
  );
  return network;
}
