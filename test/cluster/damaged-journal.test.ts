import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callOk } from '../world/api.ts';
import { namespacesWith } from '../world/namespaces.ts';
import { World } from '../world/world.ts';
import { buildIfStale, outcomeOf, PROGRAM, pings, startCommand } from './lab-cli.ts';

/** An agent whose journal was damaged says what to do, and who does it has a host again that is as good as a new one. */

let world: World;
const journal = () => path.join(world.rootOf('h1'), 'var/lib/weft/agent/journal');
/** In the host's own namespace, as its user types it. */
const agentOf = (...words: readonly string[]) => {
  const inside = ['nsenter', `--net=/run/netns/${world.containerOf('h1')}`, process.execPath, PROGRAM];
  return outcomeOf(startCommand([...inside, 'agent', ...words, '--root', world.rootOf('h1')]));
};

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  for (const name of ['a1', 'b1']) world.addNamespace(name);
  await world.startAll();
  await world.createNetwork('red', '10.1.0.0/24');
  await world.attachTo('h2', 'b1', 'red');
});
afterAll(() => world?.remove());

/** Turns a bit of the line with that text; gives what the file was. */
function damage(text: string): Buffer {
  const whole = readFileSync(journal());
  const damaged = Buffer.from(whole);
  damaged[damaged.indexOf(text) + 1]! ^= 1;
  writeFileSync(journal(), damaged);
  return whole;
}

test('the agent says what to do, and after that its containers are in their network again', {
  timeout: 60_000,
}, async () => {
  await world.attachTo('h1', 'a1', 'red');
  await world.untilViewKept('h1');
  const overlays = world.overlaysOf('h1');
  expect(namespacesWith(overlays)).toHaveLength(1);
  await world.agent('h1').stop('SIGKILL');
  const whole = damage('"attachment"');
  try {
    const towards = ['--controller', `unix://${world.controllerSocket}`];
    const started = await agentOf('--name', 'h1', '--underlay', 'eth0', ...towards);
    expect(started).toMatchObject({ code: 1, stderr: expect.stringContaining('`weft host evict h1`') });
    expect(await agentOf('reset', '--yes')).toMatchObject({ code: 0 });
    expect([namespacesWith(overlays), existsSync(journal())]).toEqual([[], false]);
  } finally {
    // By it the world is taken down.
    if (existsSync(journal())) writeFileSync(journal(), whole);
  }
  await callOk(world.controllerSocket, 'ControllerService/EvictHost', { host: 'h1' });
  await callOk(world.controllerSocket, 'ControllerService/RemoveHost', { host: 'h1' });
  world.agent('h1').start();
  await world.untilConnected('h1');
  const { ok, body } = await world.attachTo('h1', 'a1', 'red');
  expect(ok, JSON.stringify(body)).toBe(true);
  expect(await pings(world.containerOf('b1'), body.endpoint.addresses[0])).toBe(true);
});

test('where it does not say who this host is, and two are on the machine, neither is touched', {
  timeout: 60_000,
}, async () => {
  await world.untilViewKept('h1');
  const overlays = world.overlaysOf('h1');
  await world.agent('h1').stop('SIGKILL');
  const whole = damage('"identity"');
  try {
    const reset = await agentOf('reset', '--yes');
    expect(reset).toMatchObject({ code: 1, stderr: expect.stringContaining('restart this machine') });
    expect(namespacesWith(overlays)).toHaveLength(1);
  } finally {
    writeFileSync(journal(), whole);
  }
  expect(await pings(world.containerOf('a1'), (await world.endpointOf('b1')).addresses[0]!)).toBe(true);
});
