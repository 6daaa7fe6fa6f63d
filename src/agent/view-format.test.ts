import { expect, test } from 'vitest';
import { put, remove } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { testEndpoint, testHost, testId, testNetwork } from '#plan/test-world.ts';
import { formatView, parseView } from './view-format.ts';

const world = (): Snapshot => {
  const endpoints = [1, 2, 3, 4, 5].map((n) =>
    testEndpoint(n, 1 + (n % 2), 1 + (n % 3), {
      aliases: n === 2 ? ['db', 'größer'] : [],
      ...(n === 2 && { image: 'nginx:1' }),
    }),
  );
  const view = new Snapshot(
    [...[1, 2, 3].map((n) => testHost(n)), testNetwork(1), testNetwork(2), ...endpoints],
    7,
  );
  view.apply([remove({ kind: 'endpoint', id: testId('endpoint', 3) })], 8);
  return view;
};

const sorted = (view: Snapshot) => [...view.records()].sort((a, b) => (a.id < b.id ? -1 : 1));
const bytesOf = (view: Snapshot) => Buffer.concat(formatView(view));

test('a view is read back with all its look-ups, and can be changed', () => {
  const [before, view] = [world(), parseView(bytesOf(world()))];
  expect(view.revision).toBe(8);
  expect(sorted(view)).toEqual(sorted(before));
  for (const snapshot of [before, view])
    snapshot.apply([put(testEndpoint(6, 1, 1)), remove({ kind: 'endpoint', id: testId('endpoint', 4) })], 9);
  expect(sorted(view)).toEqual(sorted(before));
  for (const network of [1, 2]) {
    const [ours, theirs] = [view, before].map((snapshot) => snapshot.inNetwork(testId('network', network)));
    expect(ours!.endpointCount).toEqual(theirs!.endpointCount);
    expect(new Map(ours!.endpointByIp)).toEqual(new Map(theirs!.endpointByIp));
    expect(new Map(ours!.endpointByMac)).toEqual(new Map(theirs!.endpointByMac));
  }
  expect(sorted(parseView(bytesOf(view)))).toEqual(sorted(before));
});

test('fields that the program before did not know are filled in', () => {
  const before = world();
  const host = (number: number) =>
    testHost(number, { facts: { underlayMtu: 1500, takenPorts: [], routes: [] } as never });
  const old = new Snapshot(
    [...before.records()].map((record) =>
      record.kind === 'host' ? host(Number(record.name.slice(1))) : record,
    ),
    8,
  );
  const read = parseView(bytesOf(old));
  expect([...read.hosts.values()].map(({ facts }) => facts.underlayInterfaces)).toEqual([[], [], []]);
});

test('it is known of which lives of a store it is, and an earlier program knew of none', () => {
  const view = world();
  expect(parseView(bytesOf(view)).lives).toEqual([]);
  view.lives = [{ id: testId('host', 1), from: 3 }];
  expect(parseView(bytesOf(view)).lives).toEqual(view.lives);
});

test('an empty view is a view', () => {
  expect(sorted(parseView(bytesOf(new Snapshot([], 3))))).toEqual([]);
});

test('a file that was cut off, or of which a bit has turned, is none', () => {
  const bytes = bytesOf(world());
  for (let length = 0; length < bytes.length; length += 7)
    expect(() => parseView(bytes.subarray(0, length))).toThrow();
  for (let at = 0; at < bytes.length; at += 5) {
    const turned = Buffer.from(bytes);
    turned[at]! ^= 16;
    expect(() => parseView(turned), `byte ${at}`).toThrow();
  }
});
