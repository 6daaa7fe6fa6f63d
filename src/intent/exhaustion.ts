import type { Notice } from '#model/notice.ts';
import type { Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { type SubnetUse, subnetUses } from './subnet-use.ts';

/** From here on a subnet is said to fill up: what takes its place must be made, and containers moved, before it is full. */
export const FILLING_PERCENT = 80;

/** What people should know before a subnet has nothing left to give. At most one a subnet: the worst. */
export const exhaustionNotices = (network: Network, uses: readonly SubnetUse[]): Notice[] =>
  uses.flatMap((use) => noticeOf(network, use) ?? []);

/** Of all networks. */
export const allExhaustionNotices = (snapshot: SnapshotView): Notice[] =>
  [...snapshot.networks.values()].flatMap((network) => {
    const { blocks, endpoints } = snapshot.inNetwork(network.id);
    return exhaustionNotices(network, subnetUses(network, endpoints.size, [...blocks.values()]));
  });

const LARGER = 'A subnet cannot grow: detach what is no longer needed, or make a network with a larger one.';

function noticeOf({ name }: Network, { subnet: { cidr }, size, used, free, percent, freeBlocks }: SubnetUse) {
  const counts = `${used} of ${size} addresses of ${cidr} are used (${percent} %)`;
  if (free === 0n)
    return {
      code: 'subnet-full',
      title: 'A subnet is full',
      sentence: `Network ${name} takes no more endpoints: ${counts}.`,
      next: LARGER,
    };
  if (percent >= FILLING_PERCENT)
    return {
      code: 'subnet-filling',
      title: 'A subnet fills up',
      sentence: `In network ${name} ${counts}.`,
      next: LARGER,
    };
  if (freeBlocks === 0n)
    return {
      code: 'blocks-exhausted',
      title: 'A subnet has no free block left',
      sentence: `In network ${name} all blocks of ${cidr} are owned: a host whose own are full gets single addresses, while the controller can be asked.`,
      next: '`weft ipam ls` shows whose they are: evict hosts that are gone, or make a network with a larger subnet.',
    };
  return undefined;
}
