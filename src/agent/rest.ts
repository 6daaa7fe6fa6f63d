import type { Endpoint } from '#model/records.ts';
import type { AgentState } from './state.ts';

/** How long nobody gets an address that was given back: neighbours everywhere forget it first. */
const REST_MS = 10_000;

/** The addresses of a detached endpoint rest on this host before it gives them again. */
export function rest({ resting, nowMs }: AgentState, { network, addresses }: Endpoint): void {
  for (const ip of addresses) resting.set(`${network} ${ip}`, nowMs + REST_MS);
}

export const isResting =
  ({ resting, nowMs }: AgentState) =>
  (network: string, ip: string): boolean =>
    (resting.get(`${network} ${ip}`) ?? 0) > nowMs;

/** Forgets those that have rested. */
export function wake({ resting, nowMs }: AgentState): void {
  for (const [key, untilMs] of resting) if (untilMs <= nowMs) resting.delete(key);
}
