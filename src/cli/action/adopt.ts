import { fault } from '#model/fault.ts';
import { faultError } from '../cli-error.ts';
import { printWish } from '../output/print.ts';
import { type SessionOptions, withAgent } from '../session.ts';
import type { World } from '../world.ts';
import { takeNumbers } from './numbers.ts';

export interface AdoptOptions extends SessionOptions {
  readonly network?: string;
  readonly mode?: string;
  readonly vni?: string;
  readonly port?: string;
  readonly underlay?: string;
  readonly ttl?: string;
  readonly dryRun?: boolean;
}

/** Only the agent of the host sees the bridge. */
export async function adoptBridge(world: World, options: AdoptOptions, bridge: string): Promise<void> {
  const { network, mode, underlay, dryRun } = options;
  // Left out on the wire it is another word: that of the bridge.
  if (network === '')
    throw faultError(
      'usage',
      fault('network', '', 'is not a valid name', 'give one, or leave --network out'),
    );
  const request = {
    bridge,
    network,
    mode,
    underlay,
    dryRun,
    ...takeNumbers(options, ['vni', 'port', 'ttl']),
  };
  const response = await withAgent(world, options, ({ agent }, call) => agent.adoptBridge(request, call));
  const done = dryRun ? 'would be adopted' : 'is adopted';
  printWish(world, options, response, `bridge ${bridge} ${done} by network ${network ?? bridge}`);
}

export async function disownBridge(
  world: World,
  options: SessionOptions & { readonly dryRun?: boolean },
  bridge: string,
): Promise<void> {
  const { dryRun } = options;
  const response = await withAgent(world, options, ({ agent }, call) =>
    agent.disownBridge({ bridge, dryRun }, call),
  );
  printWish(world, options, response, `bridge ${bridge} ${dryRun ? 'would be' : 'is'} disowned`);
}
