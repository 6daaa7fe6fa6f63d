import { setMaxListeners } from 'node:events';

const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** Why a run was stopped. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;

  constructor(signal: keyof typeof SIGNALS) {
    super(`stopped by ${signal}`);
    this.exitCode = 128 + SIGNALS[signal];
  }
}

/**
 * Runs `work` so that Ctrl-C (and SIGTERM, SIGHUP) aborts its signal instead of ending the process; then, or when
 * `work` fails, runs `clean` to its end, whatever else is pressed meanwhile. Throws what `work` threw, or Interrupted.
 */
export async function cleaningUp<T>(
  work: (signal: AbortSignal) => Promise<T>,
  clean: (cause: unknown) => Promise<void>,
): Promise<T> {
  const controller = new AbortController();
  // Every child process listens to it; there may be dozens at once.
  setMaxListeners(0, controller.signal);
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  const onSignal = (name: NodeJS.Signals) => controller.abort(new Interrupted(name as keyof typeof SIGNALS));
  for (const name of names) process.on(name, onSignal);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    const cause = controller.signal.aborted ? controller.signal.reason : error;
    // What else is under way stops too, so that nothing is made while it is taken away.
    controller.abort(cause);
    await clean(cause);
    throw cause;
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}
