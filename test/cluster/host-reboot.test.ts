import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EndpointJson } from '../world/api.ts';
import { bootOf, inBoot, newBoot } from '../world/boot.ts';
import { ip, kernelJson, namespacesWith } from '../world/namespaces.ts';
import { untilSettled } from '../world/settled.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM, pings, weft } from './lab-cli.ts';

/**
 * A host that boots anew, a container that is made anew, and a namespace's path that is another's by now are told
 * apart from a mere restart: what was promised to the dead is not given to who comes after them unasked.
 */

const CONTAINERS = ['a1', 'a2', 'b1'];
let world: World;

const all = () => CONTAINERS.map((name) => world.containerOf(name));
const settled = () => untilSettled(world, all());
const interfacesOf = (name: string): string[] =>
  kernelJson<{ ifname: string }>('ip', world.containerOf(name), 'link')
    .map(({ ifname }) => ifname)
    .filter((ifname) => ifname !== 'lo');
const stateOf = async (name: string) =>
  (await world.status('h1')).endpoints?.find(({ endpoint }) => endpoint.name === name)?.state;
const looksOnce = () => until('it has looked', async () => (await world.status('h1')).status !== undefined);

/** The machine goes down and comes up: nothing of the kernel's state is left; but the container's namespace is the very same. */
async function reboot(): Promise<void> {
  await world.agent('h1').stop('SIGKILL');
  for (const name of namespacesWith(world.overlaysOf('h1'))) {
    for (const { ifname } of kernelJson<{ ifname: string }>('ip', name, 'link'))
      if (/^(p|vxlan|br)/.test(ifname)) ip('-n', name, 'link', 'del', ifname);
    ip('netns', 'del', name);
  }
  newBoot(world, 'h1');
  world.agent('h1').start();
  await world.untilAnswers('h1');
}

/** Its runtime ends a container and makes another of the same name, at the same path. */
function remake(name: string): void {
  ip('netns', 'del', world.containerOf(name));
  world.addNamespace(name);
}

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'], wrap: inBoot });
  for (const host of ['h1', 'h2']) newBoot(world, host);
  await world.startAll();
  for (const name of CONTAINERS) world.addNamespace(name);
  await world.createNetwork('red', '10.1.0.0/16', 'fd00:1::/64');
  for (const name of ['a1', 'a2']) await world.attachTo('h1', name, 'red');
  await world.attachTo('h2', 'b1', 'red');
  await settled();
  await world.untilViewKept('h1');
});
afterAll(() => world?.remove());

describe.sequential('told apart', () => {
  let a1: EndpointJson;
  let b1: EndpointJson;

  test('the boot id is the test’s to choose (else nothing here could fail)', () => {
    const boots = [...world.journalOf('h1').values()].flatMap(({ bootId }) => bootId ?? []);
    expect(boots).toEqual(Array(2).fill(bootOf(world, 'h1')));
  });

  test('a restart of the agent: the container keeps its interface', async () => {
    [a1, b1] = await Promise.all([world.endpointOf('a1'), world.endpointOf('b1')]);
    await world.agent('h1').stop('SIGKILL');
    world.agent('h1').start();
    await world.untilConnected('h1');
    await settled();
    expect(interfacesOf('a1')).toEqual(['eth0']);
  });

  test.each(['connected', 'with the controller away'])(
    'a boot, %s: nobody gets an interface unasked',
    async (how) => {
      if (how !== 'connected') await world.controller.stop();
      await reboot();
      await looksOnce();
      expect([interfacesOf('a1'), interfacesOf('a2')]).toEqual([[], []]);
      expect([await stateOf('a1'), await stateOf('a2')]).toEqual(['gone', 'gone']);

      // Then the runtime starts the container again.
      const { ok, body } = await world.attachTo('h1', 'a1', 'red');
      expect(ok, JSON.stringify(body)).toBe(true);
      expect(body.endpoint.addresses).toEqual(a1.addresses);
      expect(body.endpoint.generation).toBe(a1.generation + 1);
      expect(await stateOf('a1')).toBe('attached');
      if (how !== 'connected') world.controller.start();
      await world.untilConnected('h1');
      await until('the other host is told', () => pings(world.containerOf('a1'), b1.addresses[0]!));
      // With its address as before, it is reached before the controller has heard of its new generation.
      const { generation } = body.endpoint;
      await until(
        'the controller is told',
        async () => (await world.endpointOf('a1')).generation >= generation,
      );
      a1 = await world.endpointOf('a1');
      expect(a1.generation).toBe(generation);
    },
  );

  test('what did not come back after the boot can be detached', async () => {
    expect((await world.detachAll('h1', 'a2')).ok).toBe(true);
    await settled();
    expect((await world.records()).endpoints.map(({ name }) => name).sort()).toEqual(['a1', 'b1']);
  });

  test.each(['while the agent runs', 'while the agent is away'])(
    'a container made anew under its name, %s',
    async (when) => {
      const running = when === 'while the agent runs';
      if (!running) await world.agent('h1').stop('SIGKILL');
      remake('a1');
      if (!running) world.agent('h1').start();
      await until('it is known to be gone', async () => (await stateOf('a1')) === 'gone');
      expect(interfacesOf('a1')).toEqual([]);

      const { ok, body } = await world.attachTo('h1', 'a1', 'red');
      expect(ok, JSON.stringify(body)).toBe(true);
      expect(interfacesOf('a1')).toEqual(['eth0']);
      expect(body.endpoint.generation).toBe(a1.generation + 1);
      await settled();
      const old = a1;
      a1 = await world.endpointOf('a1');
      // A detach of the old one that was under way all the while, and arrives now.
      await world.tellDetached(old);
      expect((await world.endpointOf('a1')).generation).toBe(a1.generation);
      expect(await pings(world.containerOf('b1'), a1.addresses[0]!)).toBe(true);
    },
  );

  test('a path that is another network’s container by now, without the agent having looked in between', async () => {
    await world.createNetwork('blue', '10.2.0.0/16');
    remake('a1');
    const { ok, body } = await world.attachTo('h1', 'a1', 'blue');
    expect(ok, JSON.stringify(body)).toBe(true);
    await until('the other is known to be gone', async () => (await stateOf('a1')) === 'gone', 1_000);
    expect(interfacesOf('a1')).toEqual([body.endpoint.interface]);
    expect((await world.detachAll('h1', 'a1')).ok).toBe(true);
    await settled();
    expect((await world.records()).endpoints.map(({ name }) => name)).toEqual(['b1']);
    expect(namespacesWith(world.overlaysOf('h1'))).toEqual([]);
  });
});

test('a machine set up anew under its old name is told what to do about the one that it was, by whom it asks', async () => {
  await world.attachTo('h1', 'a2', 'red');
  await world.endpointOf('a2');
  await world.agent('h1').stop('SIGKILL');
  for (const name of namespacesWith(world.overlaysOf('h1'))) ip('netns', 'del', name);
  rmSync(path.dirname(world.viewOf('h1')), { recursive: true });
  remake('a2');
  newBoot(world, 'h1');
  world.agent('h1').start();
  await world.untilAnswers('h1');

  const onHost = async (...words: string[]) => (await weft([...words, '--root', world.rootOf('h1')])).stdout;
  await until('status tells why', async () => (await onHost('status')).includes('[host-refused]'));
  const said = await onHost('status');
  expect(said).toMatch(/^h1 \(here\) /m);
  expect(said).toMatch(/name "h1" is taken by another host .*\n *next: .*`weft host rm h1`/);
  const { ok, body } = await world.attachTo('h1', 'a2', 'red');
  expect(ok).toBe(false);
  expect(body.message).toContain('which does not take this host (name "h1" is taken');

  await onHost('host', 'evict', 'h1', '--yes');
  await onHost('host', 'rm', 'h1');
  await world.untilConnected('h1');
  expect(await world.attachTo('h1', 'a2', 'red')).toMatchObject({ ok: true });
  const { addresses } = await world.endpointOf('b1');
  await until('the other host is told', () => pings(world.containerOf('a2'), addresses[0]!));
  await settled();
  await until('nothing is to be said', async () => !(await world.status('h1')).status?.notices?.length);
});
