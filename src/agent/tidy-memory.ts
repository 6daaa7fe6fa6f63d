import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const INTERVAL_MS = 5_000;
const GROWTH_BYTES = 32 * 2 ** 20;
/** Share of the time in which something is done: of less, a pause disturbs nobody. */
const REST = 0.05;

/**
 * V8 collects rubbish when somebody allocates. An agent that has taken in a large view and then rests would keep the
 * hundreds of megabytes that were in between for hours. Gives the way to stop.
 */
export function tidyMemory(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  let keptBytes = process.memoryUsage().heapTotal;
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const { heapTotal } = process.memoryUsage();
    keptBytes = Math.min(keptBytes, heapTotal);
    if (heapTotal < keptBytes + GROWTH_BYTES || utilization > REST) return;
    collect();
    keptBytes = process.memoryUsage().heapTotal;
  }, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
