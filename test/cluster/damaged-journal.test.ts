import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callOk } from '../world/api.ts';
import { namespacesWith } from '../world/namespaces.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, outcomeOf, PROGRAM, pings, startCommand } from './lab-cli.ts';

/** An agent whose journal was damaged says what to do, and who does it has a host again that is as good as a new one. */

let world: World;
const journal = () => path.join(world.rootOf('h1'), 'var/lib/weft/agent/journal');
/** In the host's own namespace, as its user types it. */
const agentOf = (...words: readonly string[]) => {
  const inside = ['nsenter', `--net=/run/netns/${world.containerOf('h1')}`, process.execPath, PROGRAM];
  return outcomeOf(startCommand([...inside, 'agent', '--root', world.rootOf('h1'), ...words]));
};

const started = () =>
  agentOf('--name', 'h1', '--underlay', 'eth0', '--controller', `unix://${world.controllerSocket}`);

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

test('the agent says what to do, and after that its containers are in their network again', async () => {
  await world.attachTo('h1', 'a1', 'red');
  await world.untilViewKept('h1');
  const overlays = world.overlaysOf('h1');
  expect(namespacesWith(overlays)).toHaveLength(1);
  await world.agent('h1').stop('SIGKILL');
  const whole = damage('"attachment"');
  try {
    expect(await started()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('`weft host evict h1`'),
    });
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
  await until('b1 reaches it', () => pings(world.containerOf('b1'), body.endpoint.addresses[0]));
});

test('where none says who this host is, its tunnels do, and nothing is touched of another host on the machine', async () => {
  const state = path.dirname(journal());
  const lost = `${state}-lost`;
  const [overlays, others] = [world.overlaysOf('h1'), world.overlaysOf('h2')];
  const away = await agentOf('reset', '--yes', '--root', '/nowhere');
  expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining(world.rootOf('h1')) });
  await world.agent('h1').stop('SIGKILL');
  renameSync(state, lost);
  try {
    expect(await started()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/weft-[0-9a-z]{8}-… hold networks of this host.*`weft agent reset`/s),
    });
    expect([namespacesWith(overlays).length, namespacesWith(others).length]).toEqual([1, 1]);
    expect(await agentOf('reset', '--dry-run')).toMatchObject({
      stdout: expect.stringContaining('ip netns del'),
    });
    expect(await agentOf('reset', '--yes')).toMatchObject({ code: 0 });
    expect([namespacesWith(overlays).length, namespacesWith(others).length]).toEqual([0, 1]);
    expect(existsSync(state)).toBe(false);
  } finally {
    rmSync(state, { recursive: true, force: true });
    renameSync(lost, state);
  }
});
