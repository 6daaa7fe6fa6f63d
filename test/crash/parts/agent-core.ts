import { step as decide } from '#agent/core.ts';
import { pointsOf } from '../points-of.ts';

/** The agent's core, with a point at each event, and before and after each effect's beginning. */
export const step: (...args: Parameters<typeof decide>) => Iterable<ReturnType<typeof decide>[number]> = (
  state,
  event,
  moment,
) => pointsOf(event, () => decide(state, event, moment));
