import type { Endpoint } from '#model/records.ts';
import type { AgentState } from './state.ts';

/** How long nobody gets an address that was given back: neighbours everywhere forget it first. */
const REST_MS = 10_000;
/** How long containers may remember whose it was: what they use they ask for again only now and then. */
const REMEMBERED_MS = 120_000;

/** The addresses of a detached endpoint rest on this host before it gives them again. */
export function rest({ resting, nowMs }: AgentState, { network, addresses }: Endpoint): void {
  for (const ip of addresses) {
    const key = `${network} ${ip}`;
    // The oldest stay first.
    resting.delete(key);
    resting.set(key, nowMs);
  }
}

/** Whether an address rests; `rather-not` while it may still be remembered as another's. */
export const restOf =
  ({ resting, nowMs }: AgentState) =>
  (network: string, ip: string): boolean | 'rather-not' => {
    const sinceMs = resting.get(`${network} ${ip}`);
    return sinceMs !== undefined && (nowMs - sinceMs < REST_MS || 'rather-not');
  };

/** Whether somebody had one of its addresses a while ago. */
export const wasAnothers = ({ resting }: AgentState, { network, addresses }: Endpoint): boolean =>
  addresses.some((ip) => resting.has(`${network} ${ip}`));

/** Forgets those that nobody remembers. */
export function wake({ resting, nowMs }: AgentState): void {
  for (const [key, sinceMs] of resting) {
    if (nowMs - sinceMs <= REMEMBERED_MS) return;
    resting.delete(key);
  }
}
