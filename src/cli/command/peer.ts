import { Command } from 'commander';
import type { World } from '../world.ts';
import { collect, examples, optionsOf, sessionOptions } from './common.ts';

export function peerCommand(world: World): Command {
  const peer = sessionOptions(
    new Command('peer').description('Machines that Weft does not run, in its networks'),
    true,
  );

  sessionOptions(
    peer
      .command('add')
      .description('Let a VXLAN that was made by hand take part; prints what to type there')
      .argument('<network>', 'name or id; of mode p2p, multicast, flood or static')
      .argument('<name>', 'of the machine, unique in the network; a known one is changed')
      .requiredOption('--vtep <address>', 'where its tunnel ends')
      .option('--mac <mac[=ip,…]>', 'who is behind it, with addresses; several times for several', collect)
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText(
        'after',
        examples(
          ['weft peer add web printer --vtep 192.0.2.9', 'its MACs are learned, or flooded to'],
          ['weft peer add web db --vtep 192.0.2.9 --mac 02:00:00:00:00:09=10.1.255.9,fd00:1::ff:9', 'known'],
        ),
      )
      .action(async (network, name, _, command: Command) =>
        (await import('../action/peer.ts')).addPeer(world, optionsOf(command), network, name),
      ),
    true,
  );

  sessionOptions(
    peer
      .command('ls')
      .description('List peers')
      .argument('[network]', 'of this network only')
      .addHelpText('after', examples(['weft peer ls', 'of all networks']))
      .action(async (network, _, command: Command) =>
        (await import('../action/peer.ts')).listPeers(world, optionsOf(command), network),
      ),
    true,
  );

  sessionOptions(
    peer
      .command('inspect')
      .description('One peer, and what to type on its machine as things are now')
      .argument('<network>', 'name or id')
      .argument('<peer>', 'name or id')
      .addHelpText(
        'after',
        examples([
          "weft peer inspect web db --json | jq -r '.commands[]' | ssh db sudo sh -e",
          'make its tunnel',
        ]),
      )
      .action(async (network, name, _, command: Command) =>
        (await import('../action/peer.ts')).inspectPeer(world, optionsOf(command), network, name),
      ),
    true,
  );

  sessionOptions(
    peer
      .command('rm')
      .description('The hosts send nothing to it any more')
      .argument('<network>', 'name or id')
      .argument('<peer>', 'name or id')
      .option('--dry-run', 'show what would be done, do nothing')
      .addHelpText('after', examples(['weft peer rm web db', 'its own device is left to its owner']))
      .action(async (network, name, _, command: Command) =>
        (await import('../action/peer.ts')).removePeer(world, optionsOf(command), network, name),
      ),
    true,
  );
  return peer;
}
