import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { add, type KernelWorld } from '#kernel/contract-stage.ts';
import { type ExampleNetwork, exampleNetwork } from '#kernel/example-network.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelObject } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { encodeGratuitousArp } from '#packet/encode-frame.ts';
import { enterHostNamespace, ip, ipJson, realWorld, udpPorts } from './kernel-lab.ts';
import { openDescriptors } from './netlink-lab.ts';

/** An overlay's namespace stays open for a while after a visit: who does what to it meanwhile must not be misled. */

let leave: () => void;
let world: KernelWorld;
let net: ExampleNetwork;

beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());
beforeEach(() => {
  world = realWorld();
  net = exampleNetwork(world.hostTag, world.underlay, world.createContainer());
});
afterEach(() => world.close());

const isOverlay = ({ kind, ...object }: KernelObject): boolean =>
  kind === 'namespace' || (kind === 'link' && 'name' in object && ['br0', 'vxlan0'].includes(object.name));

async function build(which: (object: KernelObject) => boolean): Promise<void> {
  const ops = net.objects.filter(which).map(add);
  const results = await world.kernel.apply(ops, { hostTag: world.hostTag, containers: [] });
  expect(results.map(({ ok }) => ok)).toEqual(ops.map(() => true));
}

/** The tunnel's socket is there as long as its namespace. */
const hasTunnel = () => udpPorts().includes(4789);

test('one that was removed and made anew is written to, not the one of before', async () => {
  await build(isOverlay);
  ip('-n', net.ns, 'link', 'del', 'vxlan0');
  ip('netns', 'del', net.ns);
  ip('netns', 'add', net.ns);
  await build((object) => isOverlay(object) && object.kind === 'link');
  expect(ipJson('-n', net.ns, 'link', 'show').map(({ ifname }) => ifname)).toEqual(['lo', 'br0', 'vxlan0']);
});

test('one that was removed goes, though nobody comes to it any more', async () => {
  await build(isOverlay);
  expect(hasTunnel()).toBe(true);
  ip('netns', 'del', net.ns);
  for (let i = 0; i < 50 && hasTunnel(); i++) await sleep(100);
  expect(hasTunnel()).toBe(false);
});

test('hundreds of announcements in a row go by one socket', async () => {
  await build(isOverlay);
  const before = openDescriptors().length;
  const frames = [encodeGratuitousArp({ mac: '02:00:00:00:00:01' as Mac, ip: '10.0.0.9' as Ip })];
  for (let i = 0; i < 300; i++) world.kernel.announce({ ns: net.ns, ports: ['br0', 'gone'], frames });
  expect(openDescriptors().length - before).toBeLessThan(5);
});
