import { expect, it } from 'vitest';
import { addKernelObject, type KernelObject, kernelObjects, kernelStateOf } from '#model/kernel-state.ts';
import { hostTag } from '#model/own.ts';
import { desired } from './desired.ts';
import { diff } from './diff.ts';
import { remove } from './test-kernel.ts';
import {
  testContainer,
  testEndpoint,
  testFacts,
  testHost,
  testId,
  testNetwork,
  testView,
} from './test-world.ts';

const isIpv6 = (object: KernelObject): boolean =>
  (object.kind === 'address' && object.address.includes(':')) ||
  (object.kind === 'route' && object.destination.includes(':'));

it('a container that its runtime dresses may have IPv6 turned off, and is given none then', () => {
  const network = { ...testNetwork(1, 'proxy'), gateway: 'anycast' } as const;
  const view = testView([testHost(1), network, testEndpoint(11, 1, 1, { runtime: 'docker' })]);
  const wished = kernelStateOf(kernelObjects(desired(view, testFacts(view))));
  const seen = kernelStateOf(kernelObjects(wished));
  const { path } = testContainer('c11');
  for (const object of kernelObjects(wished))
    if (isIpv6(object) && 'ns' in object && object.ns === path) remove(seen, object);
  const todo = () =>
    diff(wished, seen, { hostTag: hostTag(testId('host', 1)) }).map(({ object }) => object.kind);
  expect(todo().sort()).toEqual(['address', 'route']);
  const link = seen.link.get(`${path} eth1`)!;
  addKernelObject(seen, { ...link, ipv6: { disabled: true, acceptRa: false } });
  expect(todo()).toEqual([]);
});
