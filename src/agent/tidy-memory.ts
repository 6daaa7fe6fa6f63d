import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const INTERVAL_MS = 5_000;
/** Between two steps of tidying up. */
const STEP_INTERVAL_MS = 2_000;
const GROWTH_BYTES = 8 * 2 ** 20;
/** What JavaScript's objects take, and what their buffers do. */
const KINDS = ['heapTotal', 'external'] as const;
/** Share of a processor: of less, a pause disturbs nobody. On a busy machine the time that it takes says nothing. */
const REST = 0.05;

/**
 * V8 collects rubbish when somebody allocates. An agent that has taken in a large view and then rests would keep the
 * hundreds of megabytes that were in between for hours. V8 lets go of most only the next times, when it sees that
 * little was allocated since; what it then frees the C library keeps until `giveBack`. Gives the way to stop.
 */
export function tidyMemory(giveBack: () => void): () => void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  let cpu = process.cpuUsage();
  let sinceMs = performance.now();
  let kept = process.memoryUsage();
  const all = [collect, collect, collect, giveBack];
  // Once in any case: of what a start leaves.
  let steps = [...all];
  const look = () => {
    const { user, system } = process.cpuUsage(cpu);
    const utilization = (user + system) / 1000 / (performance.now() - sinceMs);
    const held = process.memoryUsage();
    for (const kind of KINDS) kept[kind] = Math.min(kept[kind], held[kind]);
    if (utilization <= REST) {
      if (KINDS.some((kind) => held[kind] >= kept[kind] + GROWTH_BYTES)) steps = [...all];
      const step = steps.shift();
      step?.();
      if (step) kept = process.memoryUsage();
    }
    // What the step itself took does not count.
    cpu = process.cpuUsage();
    sinceMs = performance.now();
    timer = setTimeout(look, steps.length > 0 ? STEP_INTERVAL_MS : INTERVAL_MS).unref();
  };
  let timer = setTimeout(look, INTERVAL_MS).unref();
  return () => clearTimeout(timer);
}
