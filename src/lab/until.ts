import { setTimeout as sleep } from 'node:timers/promises';

/** A process that takes half a second to start takes fifteen where ten others want its core. */
const LONGEST_WAIT_MS = 60_000;

/** Asks again and again; what is thrown counts as not yet, and is told if it stays so. */
export async function until(
  what: string,
  check: () => Promise<unknown>,
  limitMs = LONGEST_WAIT_MS,
  pauseMs = 20,
): Promise<void> {
  let last: unknown = 'it is not';
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(pauseMs)) {
    try {
      if (await check()) return;
      last = 'it is not';
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`until ${what}: after ${limitMs / 1000} s: ${last instanceof Error ? last.message : last}`);
}
