import { step as decide } from '#controller/core.ts';
import { pointsOf } from '../points-of.ts';

/** The controller's core, with a point at each event, and before and after each effect's beginning. */
export const step: (...args: Parameters<typeof decide>) => Iterable<ReturnType<typeof decide>[number]> = (
  state,
  event,
  chance,
) => pointsOf(event, () => decide(state, event, chance));
