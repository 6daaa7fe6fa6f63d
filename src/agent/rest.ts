import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Endpoint } from '#model/records.ts';
import type { AgentState } from './state.ts';

/** How long nobody gets an address that was given back: neighbours everywhere forget it first. */
const REST_MS = 10_000;
/** How long containers may remember whose it was: what they use they ask for again only now and then. */
const REMEMBERED_MS = 120_000;

/** The addresses of a detached endpoint rest on this host before it gives them again. */
export function rest({ resting, nowMs }: AgentState, { network, addresses }: Endpoint): void {
  const since = resting.get(network) ?? new Map<Ip, number>();
  resting.set(network, since);
  for (const ip of addresses) {
    // The oldest stay first.
    since.delete(ip);
    since.set(ip, nowMs);
  }
}

/** Whether an address rests; `rather-not` while it may still be remembered as another's. */
export const restOf =
  ({ resting, nowMs }: AgentState) =>
  (network: Id, ip: Ip): boolean | 'rather-not' => {
    const sinceMs = resting.get(network)?.get(ip);
    return sinceMs !== undefined && (nowMs - sinceMs < REST_MS || 'rather-not');
  };

/** Those of its addresses that somebody had a while ago. */
export function formerlyAnothers({ resting }: AgentState, { network, addresses }: Endpoint): Ip[] {
  const since = resting.get(network);
  return since ? addresses.filter((ip) => since.has(ip)) : [];
}

/** Forgets those that nobody remembers. */
export function wake({ resting, nowMs }: AgentState): void {
  for (const [network, since] of resting) {
    for (const [ip, sinceMs] of since) {
      if (nowMs - sinceMs <= REMEMBERED_MS) break;
      since.delete(ip);
    }
    if (since.size === 0) resting.delete(network);
  }
}
