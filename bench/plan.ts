/**
 * How long planning takes with 100,000 endpoints on 1,000 hosts in one network, mode proxy, both families:
 *
 *     npx esbuild bench/plan.ts --bundle --platform=node --format=esm | node --input-type=module -
 */
import { kernelKey, kernelObjects, kernelStateOf } from '#model/kernel-state.ts';
import type { StoredRecord } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { desired } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { hostView } from '#plan/host-view.ts';
import { order } from '#plan/order.ts';
import { testEndpoint, testFacts, testHost, testId, testNetwork } from '#plan/test-world.ts';

const HOSTS = 1_000;
const ENDPOINTS = 100_000;
const ROUNDS = 5;

const records: StoredRecord[] = [testNetwork(1, 'proxy')];
for (let host = 1; host <= HOSTS; host++) records.push(testHost(host));
for (let i = 0; i < ENDPOINTS; i++) records.push(testEndpoint(i, 1, (i % HOSTS) + 1));
const snapshot = new Snapshot(records, 1);

const figures = new Map<string, number[]>();
function measure<T>(name: string, action: () => T): T {
  const startMs = performance.now();
  const result = action();
  figures.set(name, [...(figures.get(name) ?? []), performance.now() - startMs]);
  return result;
}

for (let round = 0; round < ROUNDS; round++) {
  const view = measure('host view', () => hostView(snapshot, testId('host', 1))!);
  const facts = testFacts(view);
  const wished = measure('desired', () => desired(view, facts));
  // As from a dump: equal values, no shared strings or objects.
  const observed = kernelStateOf(structuredClone([...kernelObjects(wished)]));
  measure('diff, nothing to do', () => diff(wished, observed, facts));
  for (const row of [...observed.neighbour.values()].slice(0, 1_000))
    observed.neighbour.delete(kernelKey(row));
  measure('diff, 1,000 rows missing', () => diff(wished, observed, facts));
  const ops = measure('diff, all missing', () =>
    diff(wished, kernelStateOf([...observed.link.values()].filter(({ ns }) => ns.startsWith('/'))), facts),
  );
  measure(`order of ${ops.length} ops`, () => order(ops));
}

for (const [name, times] of figures) {
  const median = times.sort((a, b) => a - b)[times.length >> 1]!;
  console.log(`${name.padEnd(30)} ${median.toFixed(0).padStart(6)} ms`);
}
console.log(`${'memory'.padEnd(30)} ${(process.memoryUsage().rss / 2 ** 20).toFixed(0).padStart(6)} MiB`);
