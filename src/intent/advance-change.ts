import type { Rejection } from '#model/fault.ts';
import { type Network, put, type Tunnel } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AdvanceChange } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';

/**
 * The next phase of a change: prepare → switch → done; or, with `undo`, what was prepared is taken back. Idempotent:
 * a phase that is over changes nothing. Whether it is over is the asker's knowledge: the controller's own.
 */
export function advanceChange(
  { network: id, since, undo }: AdvanceChange,
  snapshot: SnapshotView,
): Admitted | Rejection {
  const network = snapshot.networks.get(id);
  const change = network?.change;
  if (!network || change?.since !== since) return admitted([]);
  const next: Network =
    change.phase === 'prepare' && !undo
      ? {
          ...network,
          // Also what it has not.
          ...tunnelOf(change.other),
          change: { phase: 'switch', other: tunnelOf(network), since: snapshot.revision + 1 },
        }
      : { ...network, change: undefined };
  return admitted([put(next)], next);
}

/** What of a network can be changed while it runs. */
export const tunnelOf = ({ port, mode, group, mtu, ttl, device }: Tunnel): Tunnel => ({
  port,
  mode,
  group,
  mtu,
  ttl,
  device,
});
