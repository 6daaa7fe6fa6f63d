import { execFileSync, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { answerFrame, readQuestion } from '#agent/question.ts';
import { add, del, expectEventually, type KernelWorld } from '#kernel/contract-stage.ts';
import { type ExampleNetwork, exampleNetwork } from '#kernel/example-network.ts';
import type { KernelEvent, Miss, Scope } from '#kernel/kernel.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { Link } from '#model/kernel-state.ts';
import { bridgeJson, enterHostNamespace, ip, ipJson, realWorld, UNDERLAY } from './kernel-lab.ts';
import { descriptorsAtRest, openDescriptors } from './netlink-lab.ts';

/** What the kernel tells of containers' questions in a network whose VXLAN device tells its misses. */

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

let world: KernelWorld;
let net: ExampleNetwork;
let onDemand: Link;
let scope: Scope;
let container: string;
let misses: Miss[];
let events: KernelEvent[];
let stop: () => void;

beforeEach(() => {
  world = realWorld();
  const namespace = world.createContainer();
  container = namespace.path.slice('/run/netns/'.length);
  net = exampleNetwork(world.hostTag, world.underlay, namespace);
  onDemand = { ...net.vxlan, detail: { ...net.vxlan.detail, l2miss: true, l3miss: true } as Link['detail'] };
  scope = { hostTag: world.hostTag, containers: [{ namespace, interfaces: ['eth0'] }] };
  misses = [];
  world.kernel.watchMisses((all) => misses.push(...all));
  events = [];
  stop = world.kernel.watch((event) => events.push(event));
});
afterEach(async () => {
  stop();
  await world.close();
});

async function applyAll(...ops: KernelOp[]): Promise<void> {
  const results = await world.kernel.apply(ops, scope);
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
}

const build = (vxlan: Link) => {
  const rows = [net.neighbour, net.remote, net.flood] as const;
  const objects = net.objects.filter((object) => !(rows as readonly unknown[]).includes(object));
  return applyAll(...objects.map((object) => add(object === net.vxlan ? vxlan : object)));
};

/** Sends one echo from the container, and does not wait for an answer. */
const ping = (address: string) =>
  spawn('ip', ['netns', 'exec', container, 'ping', '-c1', '-W1', address], { stdio: 'ignore' });

const questions = () => misses.flatMap((miss) => (miss.missed === 'question' ? [miss] : []));
const asked = () => new Set(questions().map(({ frame }) => readQuestion(frame)?.ip));
const portIndex = () => ipJson('-n', net.ns, 'link', 'show', net.port.name)[0].ifindex;

it('who asks for what, by which port, in both families; the answer arrives there', async () => {
  await build(onDemand);
  for (const address of ['10.0.0.77', 'fd00:1::77']) ping(address);
  await expectEventually(() =>
    expect([...asked()]).toEqual(expect.arrayContaining(['10.0.0.77', 'fd00:1::77'])),
  );
  expect(new Set(questions().map(({ ns, port }) => `${ns} ${port}`))).toEqual(
    new Set([`${net.ns} ${portIndex()}`]),
  );
  for (const { ns, port, frame } of questions()) {
    const question = readQuestion(frame)!;
    expect(question.asker.mac).toBe(net.peer.mac);
    world.kernel.sendFrame({ ns, port }, answerFrame(question, net.remote.mac));
  }
  await expectEventually(() => {
    const known = ipJson('-n', container, 'neigh', 'show').filter(({ lladdr }) => lladdr === net.remote.mac);
    expect(known.map(({ dst }) => dst)).toEqual(expect.arrayContaining(['10.0.0.77', 'fd00:1::77']));
  });
  world.kernel.sendFrame({ ns: net.ns, port: 4711 }, new Uint8Array(60));
  world.kernel.sendFrame({ ns: 'weft-nowhere', port: 1 }, new Uint8Array(60));
});

it('a MAC without a row, and no MAC with one', async () => {
  await build(onDemand);
  for (const [address, mac] of [
    ['10.0.0.77', '02:00:00:00:00:77'],
    ['10.0.0.78', net.remote.mac],
  ])
    ip('-n', container, 'neigh', 'add', address!, 'lladdr', mac!, 'dev', 'eth0');
  await applyAll(add(net.remote));
  ping('10.0.0.76');
  await expectEventually(() => expect(asked()).toContain('10.0.0.76'));
  for (const address of ['10.0.0.78', '10.0.0.77']) ping(address);
  await expectEventually(() =>
    expect(misses).toContainEqual({ missed: 'mac', ns: net.ns, mac: '02:00:00:00:00:77' }),
  );
  expect(misses.filter(({ missed }) => missed === 'mac')).toHaveLength(1);
});

/** Long enough for two processes to begin. */
const MUTED_MS = 2_000;

it('nothing of a muted port for a while, and of others all the same', async () => {
  await build(onDemand);
  ping('10.0.0.77');
  await expectEventually(() => expect(asked()).toContain('10.0.0.77'));
  ip('-n', container, 'neigh', 'add', '10.0.0.79', 'lladdr', '02:00:00:00:00:79', 'dev', 'eth0');
  world.kernel.muteMisses({ ns: net.ns, port: portIndex() }, MUTED_MS);
  for (const address of ['10.0.0.78', '10.0.0.79']) ping(address);
  await expectEventually(() => expect(misses.some(({ missed }) => missed === 'mac')).toBe(true));
  expect(asked()).not.toContain('10.0.0.78');
  await sleep(MUTED_MS);
  ping('10.0.0.80');
  await expectEventually(() => expect(asked()).toContain('10.0.0.80'));
});

it('nothing where the device tells no misses, nor once it is gone; and no namespace is kept in being', async () => {
  const open = (await descriptorsAtRest()).length;
  await build(net.vxlan);
  ping('10.0.0.77');
  await sleep(200);
  expect(misses).toEqual([]);
  await applyAll(del(net.vxlan), add(onDemand));
  ping('10.0.0.78');
  await expectEventually(() => expect(asked()).toContain('10.0.0.78'));
  // A stranger takes the whole namespace: its number and port are free for the next.
  ip('netns', 'del', net.ns);
  await expectEventually(async () => {
    expect(openDescriptors().length).toBeLessThanOrEqual(open);
    await world.kernel.apply([add({ kind: 'namespace', ns: net.ns })], scope);
    await applyAll(add(net.bridge), add(onDemand));
  });
});

it('what is asked though the device came while events were lost', async () => {
  await build(net.vxlan);
  // More rows at once than the watch's buffer holds, and a device of another kind behind them.
  const mac = (n: number) => [16, 8, 0].map((bits) => ((n >> bits) & 255).toString(16)).join(':');
  const flood = Array.from(
    { length: 60_000 },
    (_, n) => `fdb add 2:42:0:${mac(n)} dev vxlan0 dst 192.0.2.3 self`,
  );
  execFileSync('bridge', ['-n', net.ns, '-b', '-'], { input: flood.join('\n') });
  ip('-n', net.ns, 'link', 'del', 'vxlan0');
  const flags = ['local', UNDERLAY, 'dstport', '4789', 'nolearning', 'proxy', 'l2miss', 'l3miss'];
  ip('-n', net.ns, 'link', 'add', 'vxlan0', 'type', 'vxlan', 'id', '5', ...flags);
  ip('-n', net.ns, 'link', 'set', 'vxlan0', 'master', 'br0', 'up');
  await expectEventually(() => expect(events).toContainEqual({ dirty: 'all' }));
  // As the agent does thereupon.
  await world.kernel.observe(scope);
  ping('10.0.0.77');
  await expectEventually(() => expect(asked()).toContain('10.0.0.77'));
});

/** Some processes begin in that time. */
const IDLE_MS = 2_000;

it('finds the rows by which nothing is sent, and only those', async () => {
  await build(onDemand);
  await applyAll(add(net.remote), add(net.neighbour), add({ ...net.remote, mac: net.peer.mac! }));
  expect(await world.kernel.idleRows([net.ns], IDLE_MS)).toEqual([]);
  const sending = setInterval(() => ping('10.0.0.3'), 100);
  await sleep(IDLE_MS + 300);
  const idle = await world.kernel.idleRows([net.ns, 'weft-nowhere'], IDLE_MS);
  clearInterval(sending);
  expect(idle).toEqual([{ ...net.remote, mac: net.peer.mac }]);
  expect(bridgeJson('-n', net.ns, 'fdb', 'show', 'dev', 'vxlan0').length).toBeGreaterThan(1);
});
