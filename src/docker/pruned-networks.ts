import type { EngineEvent } from './engine-api.ts';

/** Of many networks a prune takes its time. */
const PRUNE_MS = 10_000;

/**
 * The ids of networks that went by a prune: Docker tells of each that it is gone, and only afterwards that it pruned. One
 * that its user removed a moment before is taken for one of them.
 */
export function prunedNetworks(events: readonly EngineEvent[]): Set<string> {
  const pruned = new Set<string>();
  const prunedMs = events.flatMap((event) => (event.Action === 'prune' ? msOf(event) : []));
  for (const event of events) {
    if (event.Action !== 'destroy') continue;
    const isMeant = prunedMs.some((ms) => ms >= msOf(event) && ms - msOf(event) < PRUNE_MS);
    if (isMeant) pruned.add(event.Actor.ID);
  }
  return pruned;
}

const msOf = ({ timeNano = 0 }: EngineEvent): number => timeNano / 1e6;
