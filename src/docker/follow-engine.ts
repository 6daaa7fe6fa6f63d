import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { EngineApi, EngineEvent } from './engine-api.ts';

/** dockerd takes a second to start; one that is not installed costs next to nothing at this pace. */
const RETRY_MS = 1_000;

export interface EngineFollower {
  readonly onStart: () => void;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onEnd: () => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Listens to the engine's events, again and again; resolves once the signal ends it. */
export async function followEngine(api: EngineApi, follower: EngineFollower): Promise<void> {
  const { onStart, onEvent, onEnd, signal, log } = follower;
  let isThere = false;
  const start = () => {
    isThere = true;
    log.info('Docker is there');
    onStart();
  };
  while (!signal.aborted) {
    const reason = await api.follow(start, onEvent, signal).then(
      () => 'it has ended',
      (error: Error) => error.message,
    );
    if (isThere && !signal.aborted) log.info({ reason }, 'Docker is gone');
    if (isThere) onEnd();
    isThere = false;
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}
