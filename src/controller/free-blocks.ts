import type { Block } from '#model/records.ts';
import type { Petition } from './event.ts';
import type { ControllerState } from './state.ts';

/** The core's own wishes are answered to nobody. */
export const NOBODY = 0;

/**
 * Wishes for the retired blocks that have rested to be free: every host of the network has applied what took them from
 * their owner, so that no kernel sends frames for their addresses to its VTEP any more.
 */
export function freeBlocks(state: ControllerState): Petition[] {
  return [...state.snapshot.blocks.values()]
    .filter((block) => block.retired > 0 && hasRested(block, state))
    .map(({ id }) => ({
      request: NOBODY,
      principal: { role: 'operator', name: 'controller' },
      wish: { wish: 'free-block', block: id },
    }));
}

const hasRested = ({ network, retired }: Block, { snapshot, statuses }: ControllerState): boolean =>
  [...snapshot.inNetwork(network).endpointCount.keys()].every(
    (host) => (statuses.get(host)?.appliedRevision ?? 0) >= retired,
  );
