import { describe, expect, it } from 'vitest';
import type { InterfaceAddress } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import {
  addKernelObject,
  type KernelObject,
  type KernelState,
  kernelKey,
  kernelObjects,
  kernelStateOf,
  type Link,
  type MutableKernelTables,
  type NamespaceName,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { hostTag } from '#model/own.ts';
import { type Endpoint, type Network, put, type StoredRecord } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { seededDice } from '#model/test-random.ts';
import { TUNNEL_MODES } from '#model/tunnel-mode.ts';
import { desired, type HostRuntimeFacts } from './desired.ts';
import { diff } from './diff.ts';
import { hostView } from './host-view.ts';
import { order, type RankedOp } from './order.ts';
import { applyToModel, remove } from './test-kernel.ts';
import { testContainer, testEndpoint, testHost, testId, testNetwork } from './test-world.ts';

/** Whatever the kernel looks like, one diff leads to the wished state, and strangers are as they were. */

const HOST = testId('host', 1);
const TAG = hostTag(HOST);
const CONTAINERS = ['c1', 'c2', 'c3', 'c4'];
const SEEDS = Array.from({ length: 300 }, (_, i) => i + 1);

type Dice = ReturnType<typeof seededDice>['below'];
const pick = <T>(roll: Dice, from: readonly T[]): T => from[roll(from.length)]!;

function randomNetwork(roll: Dice, number: number): Network {
  return { ...testNetwork(number, pick(roll, TUNNEL_MODES)), port: pick(roll, [4789, 4790]) };
}

/** Three hosts, two networks, some endpoints; those of host 1 are in four containers. */
function randomRecords(roll: Dice): StoredRecord[] {
  const hosts = [1, 2, 3].map((n) =>
    roll(4) > 0 ? testHost(n) : testHost(n, { underlay: [`10.99.1.${n}`] as Ip[] }),
  );
  const endpoints: Endpoint[] = [];
  for (let number = 1; number <= 8; number++)
    if (roll(3) > 0)
      endpoints.push(
        testEndpoint(number, 1 + roll(2), 1 + roll(3), {
          containerId: CONTAINERS[number % CONTAINERS.length]!,
        }),
      );
  return [...hosts, randomNetwork(roll, 1), randomNetwork(roll, 2), ...endpoints];
}

const factsOf = (records: readonly StoredRecord[]): HostRuntimeFacts => ({
  hostTag: TAG,
  containers: new Map(
    records.flatMap((record) =>
      record.kind === 'endpoint' && record.host === HOST
        ? [[record.id, { namespace: testContainer(record.containerId) }]]
        : [],
    ),
  ),
});

const wishedOf = (records: readonly StoredRecord[]): KernelState =>
  desired(hostView(new Snapshot(records), HOST)!, factsOf(records));

const opsOf = (wished: KernelState, seen: KernelState): KernelOp[] =>
  order(diff(wished, seen, { hostTag: TAG })).map(({ op }) => op);

const link = (ns: NamespaceName, name: string, type: 'loopback' | 'other'): Link => ({
  kind: 'link',
  ns,
  name,
  up: type === 'other',
  detail: type === 'other' ? { type, linkKind: 'dummy' } : { type },
});

/** A host on which others live too. */
const strangers: KernelObject[] = [
  { kind: 'namespace', ns: 'web' },
  { kind: 'namespace', ns: 'weft-00000000-100001' },
  link('', 'eth0', 'other'),
  link('', 'wfx100001', 'other'),
  { kind: 'route', ns: '', destination: '10.0.0.0/8' as never, dev: 'eth0', protocol: 3 },
  ...CONTAINERS.flatMap((name): KernelObject[] => {
    const ns = testContainer(name).path;
    return [
      link(ns, 'docker0', 'other'),
      { kind: 'address', ns, dev: 'docker0', address: '172.17.0.2/16' as InterfaceAddress },
      { kind: 'address', ns, dev: 'lo', address: '127.0.0.1/8' as InterfaceAddress },
      { kind: 'route', ns, destination: '0.0.0.0/0' as never, via: '172.17.0.1' as Ip, dev: 'docker0' },
    ];
  }),
];
const bare: KernelObject[] = [
  ...strangers,
  ...CONTAINERS.map((name) => link(testContainer(name).path, 'lo', 'loopback')),
];

/** One thing that somebody does to our objects behind our back. */
function damage(state: MutableKernelTables, roll: Dice): void {
  const foreign = new Set(bare.map((object) => `${object.kind} ${kernelKey(object)}`));
  const ours = [...kernelObjects(state)].filter(
    (object) => !foreign.has(`${object.kind} ${kernelKey(object)}`),
  );
  const links = ours.filter((object) => object.kind === 'link').filter(({ ns }) => ns.startsWith('weft-'));
  if (ours.length === 0 || links.length === 0) return;
  const { ns, name } = pick(roll, links);
  const mac = `02:ee:00:00:00:0${roll(10)}` as Mac;
  const dst = `10.99.0.${roll(9)}` as Ip;
  const blows: (() => void)[] = [
    () => remove(state, pick(roll, ours)),
    () => remove(state, pick(roll, ours)),
    () => addKernelObject(state, { ...pick(roll, links), up: false, mtu: 1280 }),
    () => addKernelObject(state, link(ns, 'eve0', 'other')),
    () =>
      addKernelObject(state, { kind: 'address', ns, dev: name, address: '10.9.9.9/24' as InterfaceAddress }),
    () => addKernelObject(state, { kind: 'neighbour', ns, dev: name, ip: dst, mac, state: 'permanent' }),
    () =>
      addKernelObject(state, { kind: 'fdb', ns, dev: 'vxlan0', table: 'self', mac, dst, state: 'permanent' }),
    () => distort(state, pick(roll, ours), { mac, dst }),
  ];
  pick(roll, blows)();
}

function distort(state: MutableKernelTables, object: KernelObject, other: { mac: Mac; dst: Ip }): void {
  if (object.kind === 'neighbour') addKernelObject(state, { ...object, mac: other.mac });
  if (object.kind === 'fdb' && object.dst) addKernelObject(state, { ...object, dst: other.dst });
  if (object.kind === 'link' && object.master)
    addKernelObject(state, { ...object, master: '', port: undefined });
  if (object.kind === 'link' && object.name === 'br0' && object.ns.startsWith('weft-'))
    addKernelObject(state, { ...object, detail: { type: 'other', linkKind: 'dummy' } });
}

const only = (state: KernelState, objects: readonly KernelObject[]) =>
  objects.map((object) => (state[object.kind] as ReadonlyMap<string, KernelObject>).get(kernelKey(object)));

describe('the state that results', () => {
  it.each(SEEDS)('is as wished from any other, and strangers stay: seed %i', (seed) => {
    const { below: roll } = seededDice(seed);
    const seen = kernelStateOf(
      kernelObjects(
        applyToModel(kernelStateOf(bare), opsOf(wishedOf(randomRecords(roll)), kernelStateOf(bare))),
      ),
    );
    for (let i = roll(6); i > 0; i--) damage(seen, roll);
    const wished = wishedOf(randomRecords(roll));
    const after = applyToModel(seen, opsOf(wished, seen));
    expect(opsOf(wished, after)).toEqual([]);
    expect(only(after, strangers)).toEqual(strangers);
    // Not merely what `diff` thinks: every wished object is there, and nothing else that is ours.
    const rest = [...kernelObjects(after)].filter(({ ns }) => ns.startsWith(`weft-${TAG}`));
    expect(rest.map((object) => `${object.kind} ${kernelKey(object)}`).sort()).toEqual(
      [...kernelObjects(wished)]
        .filter(({ ns }) => ns.startsWith('weft-'))
        .map((object) => `${object.kind} ${kernelKey(object)}`)
        .sort(),
    );
  });

  it.each(SEEDS.slice(0, 50))('does not depend on the way there: seed %i', (seed) => {
    const { below: roll } = seededDice(seed);
    const records = randomRecords(roll);
    const end = wishedOf(records);
    const follow = (steps: StoredRecord[][]) => {
      const snapshot = new Snapshot();
      let state: KernelState = kernelStateOf(bare);
      steps.forEach((step, i) => {
        snapshot.apply(step.map(put), i);
        const view = hostView(snapshot, HOST);
        if (view) state = applyToModel(state, opsOf(desired(view, factsOf([...snapshot.records()])), state));
      });
      return opsOf(end, state).length === 0 && [...kernelObjects(state)].length;
    };
    const one = records.map((record) => [record]);
    const squashed = follow([records]);
    expect(squashed).toBeGreaterThan(0);
    expect(follow(one)).toBe(squashed);
    expect(follow([...one].reverse())).toBe(squashed);
    expect(follow(one.flatMap((step) => [step, step]))).toBe(squashed);
  });

  it.each(SEEDS.slice(0, 50))('comes in one order, whatever that of the ops: seed %i', (seed) => {
    const { below: roll } = seededDice(seed);
    const seen = applyToModel(kernelStateOf(bare), opsOf(wishedOf(randomRecords(roll)), kernelStateOf(bare)));
    const ops = diff(wishedOf(randomRecords(roll)), seen, { hostTag: TAG });
    const shuffled = ops
      .map((op) => ({ op, at: roll(1 << 30) }))
      .sort((a, b) => a.at - b.at)
      .map(({ op }) => op);
    const isRow = ({ op }: RankedOp) => op.object.kind === 'fdb' || op.object.kind === 'neighbour';
    const byKey = (a: RankedOp, b: RankedOp) =>
      a.rank - b.rank || (kernelKey(a.op.object) < kernelKey(b.op.object) ? -1 : 1);
    // Rows within a step stay as they came.
    const listOf = (given: readonly KernelOp[]) => {
      const list = order(given);
      return {
        list: list.filter((each) => !isRow(each)),
        rows: list.filter(isRow).sort(byKey),
        ranks: list.map(({ rank }) => rank),
      };
    };
    for (const given of [shuffled, [...ops].reverse()]) expect(listOf(given)).toEqual(listOf(ops));
  });
});
