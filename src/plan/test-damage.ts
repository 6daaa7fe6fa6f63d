import type { InterfaceAddress } from '#model/cidr.ts';
import {
  addKernelObject,
  type KernelObject,
  type KernelState,
  kernelObjects,
  kernelStateOf,
  type Link,
  type MutableKernelTables,
} from '#model/kernel-state.ts';
import { hostTag, portName } from '#model/own.ts';
import type { StoredRecord } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { desired } from './desired.ts';
import { diff } from './diff.ts';
import { order } from './order.ts';
import { testEndpoint, testFacts, testHost, testId, testNetwork, testView } from './test-world.ts';

/* A host with one container, and what is done when its kernel is damaged. */

export const hostTagOne = hostTag(testId('host', 1));
export const context = { hostTag: hostTagOne };
export const NS = `weft-${hostTagOne}-100001`;
export const CONTAINER = '/run/netns/c11';
export const PORT = portName(testEndpoint(11, 1, 1).id);

export const records: StoredRecord[] = [
  testHost(1),
  testHost(2),
  testNetwork(1, 'proxy'),
  testEndpoint(11, 1, 1),
  testEndpoint(21, 1, 2),
];

export function wishedOf(world: readonly StoredRecord[]): MutableKernelTables {
  const view = testView(world);
  return kernelStateOf(kernelObjects(desired(view, testFacts(view))));
}

export const replaced = (record: StoredRecord): StoredRecord[] =>
  records.map((old) => (old.id === record.id ? record : old));

export const LO: Link = { kind: 'link', ns: CONTAINER, name: 'lo', up: true, detail: { type: 'loopback' } };

/** What would be done, as lines in order, with the long names shortened. */
export const lines = (wished: KernelState, seen: KernelState): string[] =>
  order(diff(wished, seen, context))
    .flatMap(({ op }) => renderOp(op))
    .map((line) => line.replaceAll(NS, 'NS').replaceAll(PORT, 'PORT'));

/** The world as wished, then damaged. */
export function damaged(damage: (seen: MutableKernelTables) => void): MutableKernelTables {
  const seen = wishedOf(records);
  damage(seen);
  return seen;
}

export const repairOf = (damage: (seen: MutableKernelTables) => void): string[] =>
  lines(wishedOf(records), damaged(damage));

export const linkOf = (state: KernelState, name: string, ns = NS): Link => state.link.get(`${ns} ${name}`)!;

export const put = (object: KernelObject) => (seen: MutableKernelTables) => addKernelObject(seen, object);

export function stranger(link: Pick<Link, 'name' | 'ns' | 'group'>): Link {
  return { kind: 'link', up: true, detail: { type: 'other', linkKind: 'dummy' }, ...link };
}

export function addressOn(dev: string): Extract<KernelObject, { kind: 'address' }> {
  return { kind: 'address', ns: CONTAINER, dev, address: '10.9.0.9/24' as InterfaceAddress };
}
