import type { EngineEvent } from './engine-api.ts';

/** Of many networks a prune takes its time. */
const PRUNE_MS = 10_000;
/** Of each whose drivers do not answer Docker takes 15 s a call: three calls, and two more for a second family. */
const PRUNE_ALONE_MS = 90_000;

/**
 * The ids of networks that went by a prune: Docker tells of each that it is gone, and only afterwards that it pruned. One
 * that its user removed a moment before is taken for one of them. The moment is longer for those that went with nobody
 * there to be told, which is said by `isMissed`: from one to the next of them, and to the prune itself.
 */
export function prunedNetworks(
  events: readonly EngineEvent[],
  isMissed: (dockerId: string) => boolean,
): Set<string> {
  const pruned = new Set<string>();
  const prunedMs = events.flatMap((event) => (event.Action === 'prune' ? msOf(event) : []));
  const isSoon = (ms: number, laterMs: number, withinMs: number) => laterMs >= ms && laterMs - ms < withinMs;
  let nextMs = Number.NaN;
  for (const event of [...events].sort((a, b) => msOf(b) - msOf(a))) {
    if (event.Action !== 'destroy') continue;
    const { ID } = event.Actor;
    const ms = msOf(event);
    const isMeant = isMissed(ID)
      ? [...prunedMs, nextMs].some((laterMs) => isSoon(ms, laterMs, PRUNE_ALONE_MS))
      : prunedMs.some((laterMs) => isSoon(ms, laterMs, PRUNE_MS));
    if (!isMeant) continue;
    pruned.add(ID);
    nextMs = ms;
  }
  return pruned;
}

const msOf = ({ timeNano = 0 }: EngineEvent): number => timeNano / 1e6;
