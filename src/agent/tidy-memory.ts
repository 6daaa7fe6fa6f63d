import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const INTERVAL_MS = 5_000;
const GROWTH_BYTES = 16 * 2 ** 20;
/** What JavaScript's objects take, and what their buffers do. */
const KINDS = ['heapTotal', 'external'] as const;
/** Share of the time in which something is done: of less, a pause disturbs nobody. */
const REST = 0.05;

/**
 * V8 collects rubbish when somebody allocates. An agent that has taken in a large view and then rests would keep the
 * hundreds of megabytes that were in between for hours. V8 lets go of most only the second time, when it sees that
 * little was allocated since; what it then frees the C library keeps until `giveBack`. Gives the way to stop.
 */
export function tidyMemory(giveBack: () => void): () => void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  let kept = process.memoryUsage();
  const all = [collect, collect, giveBack];
  // Once in any case: of what a start leaves.
  let steps = [...all];
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const held = process.memoryUsage();
    for (const kind of KINDS) kept[kind] = Math.min(kept[kind], held[kind]);
    if (utilization > REST) return;
    if (KINDS.some((kind) => held[kind] >= kept[kind] + GROWTH_BYTES)) steps = [...all];
    const step = steps.shift();
    if (!step) return;
    step();
    kept = process.memoryUsage();
  }, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
