import type { Rejection } from '#model/fault.ts';
import { type Network, put, type Revision, type Tunnel, type TunnelChange } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AdvanceChange } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';

/**
 * The next phase of a change: prepare → switch → done, or on to the second half of the way; or, with `undo`, what was
 * prepared is taken back. Idempotent: a phase that is over changes nothing. Whether it is over is the asker's
 * knowledge: the controller's own.
 */
export function advanceChange(
  { network: id, since, undo }: AdvanceChange,
  snapshot: SnapshotView,
): Admitted | Rejection {
  const network = snapshot.networks.get(id);
  const change = network?.change;
  if (!network || change?.since !== since) return admitted([]);
  const advanced = { ...network, ...nextPhase(network, change, snapshot.revision + 1, undo) };
  return admitted([put(advanced)], advanced);
}

function nextPhase(
  network: Network,
  { phase, other, next }: TunnelChange,
  since: Revision,
  undo: boolean,
): Partial<Network> {
  if (phase === 'prepare' && !undo)
    // Of the other also what it has not.
    return { ...tunnelOf(other), change: { phase: 'switch', other: tunnelOf(network), since, next } };
  return { change: next && !undo ? { phase: 'prepare', other: next, since } : undefined };
}

/** What of a network can be changed while it runs. */
export const tunnelOf = ({ port, mode, group, mtu, ttl, device, transitVni }: Tunnel): Tunnel => ({
  port,
  mode,
  group,
  mtu,
  ttl,
  device,
  transitVni,
});
