import { expect, it } from 'vitest';
import { singleOps, sizeOf } from '#model/kernel-op.ts';
import { kernelObjects, kernelStateOf } from '#model/kernel-state.ts';
import { hostTag } from '#model/own.ts';
import { renderOp } from '#model/render-kernel.ts';
import { desired } from './desired.ts';
import { diff } from './diff.ts';
import { driftOf } from './status.ts';
import { testEndpoint, testFacts, testHost, testId, testNetwork, testView } from './test-world.ts';

it('makes one op of many rows that a device lacks, and says each of them', () => {
  const context = { hostTag: hostTag(testId('host', 1)) };
  const wishedOf = (remote: number) => {
    const others = Array.from({ length: remote }, (_, i) => testEndpoint(100 + i, 1, 2));
    const view = testView([testHost(1), testHost(2), testNetwork(1), testEndpoint(1, 1, 1), ...others]);
    return desired(view, testFacts(view));
  };
  const ops = diff(wishedOf(101), wishedOf(1), context);
  expect(ops.map((op) => [op.object.kind, sizeOf(op)])).toEqual([
    ['neighbour', 300],
    ['fdb', 100],
  ]);
  expect(driftOf(ops)).toMatchObject([
    { kind: 'neighbour', missing: 300 },
    { kind: 'fdb', missing: 100 },
  ]);
  expect(ops.flatMap(renderOp)).toHaveLength(400);
  const mended = [...kernelObjects(wishedOf(1)), ...singleOps(ops).map(({ object }) => object)];
  expect(diff(wishedOf(101), kernelStateOf(mended), context)).toEqual([]);
});
