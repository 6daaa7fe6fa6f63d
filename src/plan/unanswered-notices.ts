import type { Id } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { isOnDemand } from './tunnel.ts';

/** What a host cannot do while its agent is away: nobody answers what its containers ask for the first time. */
export function unansweredNotices(snapshot: SnapshotView, host: Id): Notice[] {
  const networks = [...snapshot.networks.values()].filter(
    (network) => isOnDemand(network) && snapshot.inNetwork(network.id).endpointCount.has(host),
  );
  if (networks.length === 0) return [];
  const names = networks.map(({ name }) => name).sort();
  const { name = host } = snapshot.hosts.get(host) ?? {};
  return [
    {
      code: 'misses-unanswered',
      title: 'Nobody answers what containers ask',
      sentence: `The agent of ${name} is away, and ${names.join(', ')} ${names.length === 1 ? 'asks' : 'ask'} on demand: flows that stand go on, but a container there reaches nobody it has not spoken to lately.`,
      next: `start the agent of ${name}.`,
    },
  ];
}
