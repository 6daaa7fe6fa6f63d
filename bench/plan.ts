import { kernelObjects, kernelStateOf } from '#model/kernel-state.ts';
import { Snapshot } from '#model/snapshot.ts';
import { desired } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { hostView } from '#plan/host-view.ts';
import { order } from '#plan/order.ts';
import { testEndpoint, testFacts, testHost, testId, testNetwork } from '#plan/test-world.ts';
import type { Bench } from './bench.ts';
import { figure } from './figure.ts';

const PER_HOST = 100;
const CHANGED = 1_000;

/** How long planning takes, alone: endpoints of one network on many hosts, mode proxy, both families. No kernel. */
export const plan: Bench = async (options) => {
  const count = options.endpoints ?? 100_000;
  const hosts = Math.ceil(count / PER_HOST);
  const records = [
    testNetwork(1, 'proxy'),
    ...Array.from({ length: hosts }, (_, i) => testHost(i + 1)),
    ...Array.from({ length: count }, (_, i) => testEndpoint(i, 1, (i % hosts) + 1)),
  ];
  const snapshot = new Snapshot(records, 1);
  const times: Record<string, number[]> = {};
  function measure<T>(name: string, action: () => T): T {
    const startMs = performance.now();
    const result = action();
    times[name] = [...(times[name] ?? []), performance.now() - startMs];
    return result;
  }
  for (let round = 0; round < (options.repeat ?? 5); round++) {
    const view = measure('hostViewMs', () => hostView(snapshot, testId('host', 1))!);
    const facts = testFacts(view);
    const wished = measure('desiredMs', () => desired(view, facts));
    // As from a dump: equal values, no shared strings or objects.
    const observed = kernelStateOf(structuredClone([...kernelObjects(wished)]));
    measure('diffNothingMs', () => diff(wished, observed, facts));
    observed.neighbour.truncate(observed.neighbour.size - CHANGED);
    measure('diffThousandMissingMs', () => diff(wished, observed, facts));
    const containers = kernelStateOf([...observed.link.values()].filter(({ ns }) => ns.startsWith('/')));
    const ops = measure('diffAllMissingMs', () => diff(wished, containers, facts));
    measure('orderMs', () => order(ops));
  }
  const figures = Object.entries(times).map(([name, samples]) => [name, figure(samples)]);
  return { name: 'plan', metrics: Object.fromEntries(figures), floor: {}, ratios: {} };
};
