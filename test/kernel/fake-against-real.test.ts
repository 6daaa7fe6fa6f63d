import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { add, type KernelWorld } from '#kernel/contract-stage.ts';
import { exampleNetwork } from '#kernel/example-network.ts';
import { FakeKernel } from '#kernel/fake-kernel.ts';
import type { Scope } from '#kernel/kernel.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import { type KernelObject, type KernelState, kernelObjects } from '#model/kernel-state.ts';
import { isMulticastMac } from '#model/mac.ts';
import { renderOp } from '#model/render-kernel.ts';
import { seededRandom } from '#model/test-random.ts';
import { enterHostNamespace, realWorld } from './kernel-lab.ts';
import { randomOps } from './random-ops.ts';

/** The fake is worth what it has in common with the real one: the same random ops must lead both to the same state. */
const SEEDS = Number(process.env.WEFT_SEEDS ?? 12);
const FIRST_SEED = Number(process.env.WEFT_SEED ?? 1);
const ROUNDS = 20;

let leave: () => void;
let world: KernelWorld | undefined;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterEach(() => world?.close());
afterAll(() => leave());

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++)
  it(`fake and real agree on random ops (seed ${seed})`, () => compare(seed));

async function compare(seed: number): Promise<void> {
  const random = seededRandom(seed);
  world = realWorld();
  const { kernel: real, hostTag, underlay } = world;
  const fake = new FakeKernel();
  const container = world.createContainer();
  const twin = fake.createContainerNamespace(container.path);
  const networks = [0, 1].map((index) => exampleNetwork(hostTag, underlay, container, index));
  const scopeOf = (namespace: typeof container): Scope => ({
    hostTag,
    containers: [{ namespace, interfaces: ['eth0', 'eth1'] }],
  });
  const history: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const seen = await fake.observe(scopeOf(twin));
    const ops = round === 0 ? networks[0]!.objects.map(add) : randomOps(random, networks, seen);
    history.push(...ops.flatMap(lines));
    const about = `seed ${seed}, round ${round}:\n${history.join('\n')}`;
    const faked = await fake.apply(ops, scopeOf(twin));
    const done = await real.apply(ops, scopeOf(container));
    expect(done.map(verdict), about).toEqual(faked.map(verdict));
    const [there, wished] = [await real.observe(scopeOf(container)), await fake.observe(scopeOf(twin))];
    expect(comparable(there), about).toEqual(comparable(wished));
  }
}

const lines = (op: KernelOp): string[] => [`# ${op.verb}`, ...renderOp(op)];

const verdict = (result: OpResult): string =>
  `${result.op.verb} ${result.op.object.kind}: ${result.ok ? 'ok' : result.error.errno}`;

const comparable = (state: KernelState): string[] =>
  [...kernelObjects(state)]
    // Settings begin as the machine has them, and no op here is about them.
    .filter(({ kind }) => kind !== 'setting')
    .filter((object) => !comesInItsOwnTime(object))
    .map(withoutChance)
    .map((object) => JSON.stringify(object, Object.keys(flatten(object)).sort()))
    .sort();

/** What the kernel adds by itself when a carrier comes up or a frame passes, and that nobody waits for here. */
function comesInItsOwnTime(object: KernelObject): boolean {
  if (object.kind === 'address') return object.address.startsWith('fe80:');
  if (object.kind === 'neighbour') return object.state !== 'permanent';
  return object.kind === 'fdb' && (isMulticastMac(object.mac) || object.state === 'learned');
}

/** A device that nobody gave a MAC has a random one. */
const withoutChance = (object: KernelObject): KernelObject =>
  object.kind === 'link' && !/^0[02]:00:00/.test(object.mac ?? '') ? { ...object, mac: undefined } : object;

/** All field names at all depths, so that objects are written in one order of fields. */
const flatten = (value: object): Record<string, unknown> =>
  Object.assign(
    {},
    ...Object.entries(value).map(([name, field]) =>
      typeof field === 'object' && field !== null ? { [name]: 0, ...flatten(field) } : { [name]: 0 },
    ),
  );
