import type { MissSource } from '#kernel/kernel.ts';
import type { AgentEffect } from './event.ts';
import type { AgentState } from './state.ts';

/** A port may ask so much at once, and so much a second in the long run: a container that scans gets no further. */
const MOST_AT_ONCE = 256;
const PER_SECOND = 64;
/** A port that has asked too much is not heard for so long. */
const MUTE_MS = 500;

/** What a source may still ask, as it was then. */
export interface MissAllowance {
  readonly left: number;
  readonly atMs: number;
}

/** Takes one from what the source may ask. When nothing is left it is not heard for a while, and false. */
export function mayAsk(state: AgentState, source: MissSource, effects: AgentEffect[]): boolean {
  const { allowances } = state.misses;
  const key = `${source.ns} ${source.port}`;
  const left = leftNow(state, allowances.get(key));
  allowances.set(key, { left: Math.max(0, left - 1), atMs: state.nowMs });
  // The last one mutes: of what comes later only that is here which was on its way.
  if (left >= 1 && left < 2) effects.push({ effect: 'mute-misses', source, forMs: MUTE_MS });
  return left >= 1;
}

/** Sources that may ask as much as any need no remembering. */
export function forgetAllowances(state: AgentState): void {
  const { allowances } = state.misses;
  for (const [key, allowance] of allowances)
    if (leftNow(state, allowance) === MOST_AT_ONCE) allowances.delete(key);
}

const leftNow = ({ nowMs }: AgentState, allowance?: MissAllowance): number =>
  allowance
    ? Math.min(MOST_AT_ONCE, allowance.left + ((nowMs - allowance.atMs) * PER_SECOND) / 1000)
    : MOST_AT_ONCE;
