import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../world/api.ts';
import { World } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

/** A detach is answered before the controller hears of it: that is nothing whoever removes the network has to know. */

let world: World;
const NAMES = ['a1', 'a2', 'b1'];
const hostOf = (name: string) => (name.startsWith('a') ? 'h1' : 'h2');
const remove = () => call(world.controllerSocket, 'ControllerService/RemoveNetwork', { network: 'red' });

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  await world.startAll();
  for (const name of NAMES) world.addNamespace(name);
});
afterAll(() => world?.remove());

test('a network is removed right after its last endpoints were detached on their hosts', async () => {
  for (let round = 0; round < 5; round++) {
    await world.createNetwork('red', '10.1.0.0/16');
    for (const name of NAMES) expect((await world.attachTo(hostOf(name), name, 'red')).ok).toBe(true);
    const detached = await Promise.all(NAMES.map((name) => world.detachAll(hostOf(name), name)));
    expect(detached.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect(await remove()).toMatchObject({ ok: true });
  }
});

test('while one has an endpoint it is refused, and says which', async () => {
  await world.createNetwork('red', '10.1.0.0/16');
  await world.attachTo('h1', 'a1', 'red');
  await world.attachTo('h2', 'b1', 'red');
  await world.detachAll('h1', 'a1');
  const { ok, body } = await remove();
  expect(ok).toBe(false);
  expect(JSON.stringify(body)).toMatch(/still has endpoint b1 on host h2/);
  expect(JSON.stringify(body)).not.toMatch(/endpoint a1/);
});
