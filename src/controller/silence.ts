import type { Id } from '#model/id.ts';
import type { ControllerState } from './state.ts';

/** An agent reports every 5 s, also when nothing changes: these are three reports in a row that did not come. */
const SILENCE_LIMIT_MS = 20_000;

/**
 * For how long a host has said nothing, 0 while that is no longer than it may be. Its session alone says little: the
 * kernel of a machine whose agent stands still holds the connection and takes what is sent.
 */
export function silentMs({ heardMs }: ControllerState, host: Id, nowMs: number): number {
  const silent = nowMs - (heardMs.get(host) ?? nowMs);
  return silent > SILENCE_LIMIT_MS ? silent : 0;
}
