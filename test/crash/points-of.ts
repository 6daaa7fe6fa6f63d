import { point } from './point.ts';

/**
 * One step of a core, as the engine beside it takes it: the effects come one by one, each when the one before has been
 * begun. An event is the end of the effect that it tells of (`journaled`, `applied`, `commit-ended` …): at its point
 * that is done, and nobody has acted on it. Left out are ticks and the kernel's events: in themselves they do nothing,
 * and there are many.
 */
export function* pointsOf<Effect extends { readonly effect: string }>(
  { event }: { readonly event: string },
  decide: () => readonly Effect[],
): Generator<Effect> {
  if (event !== 'tick' && event !== 'kernel-changed') point(`${event} is told`);
  for (const effect of decide()) {
    point(`before ${effect.effect}`);
    yield effect;
    point(`${effect.effect} has begun`);
  }
}
