import { fault } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import type { Faults } from './faults.ts';
import { listSome } from './list-some.ts';
import { isInUse } from './own-blocks.ts';

/** While a network changes to p2p it takes no third host either. */
export const futureMode = ({ mode, change }: Network): TunnelMode =>
  change?.next?.mode ?? (change?.phase === 'prepare' ? change.other.mode : mode);

/**
 * A tunnel from point to point has two ends: with `newcomer` among the hosts of the network there are no more. A host
 * with a block counts: it may be attaching while nobody hears it.
 */
export function checkTwoHosts(
  faults: Faults,
  field: string,
  value: string,
  network: Network,
  mode: TunnelMode,
  snapshot: SnapshotView,
  newcomer?: Id,
): void {
  if (mode !== 'p2p') return;
  const { blocks, endpointCount, peers } = snapshot.inNetwork(network.id);
  const ends = new Set(endpointCount.keys());
  for (const block of blocks.values()) if (isInUse(block)) ends.add(block.host);
  for (const id of peers.keys()) ends.add(id);
  if (newcomer && ends.has(newcomer)) return;
  if (ends.size + (newcomer ? 1 : 0) <= 2) return;
  const names = listSome([...ends].map((id) => (snapshot.hosts.get(id) ?? peers.get(id))?.name ?? id).sort());
  const problem = newcomer
    ? `would be a third end: network ${network.name} goes from point to point, between ${names}`
    : `has two ends, and network ${network.name} has ${names}`;
  const fix = newcomer
    ? `use another network, or change this one: \`weft network set-mode ${network.name} flood\``
    : 'choose another mode, or detach what is on the other hosts';
  faults.conflict.push(fault(field, value, problem, fix));
}
