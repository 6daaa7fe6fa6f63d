import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EndpointJson } from '../world/api.ts';
import { actualLines } from '../world/kernel-lines.ts';
import { bridge, ip, kernelJson } from '../world/namespaces.ts';
import { PingFlow } from '../world/ping-flow.ts';
import { untilSettled } from '../world/settled.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM, pings } from './lab-cli.ts';

/** With the controller stopped a host goes on by its own block, view and journal; what it did is told afterwards. */

const STRANGE_MAC = '02:00:00:00:de:ad';

let world: World;
let flow: PingFlow;
const containers = ['a1', 'a2', 'a3', 'a4', 'b1'];
const all = () => containers.map((name) => world.containerOf(name));

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  await world.startAll();
  for (const name of containers) world.addNamespace(name);
  await world.createNetwork('red', '10.1.0.0/16', 'fd00:1::/64');
  await world.createNetwork('blue', '10.2.0.0/16');
  await world.attachTo('h1', 'a1', 'red');
  await world.attachTo('h1', 'a2', 'red');
  await world.attachTo('h2', 'b1', 'red');
  await untilSettled(world, all());
  await world.untilViewKept('h1');
  flow = new PingFlow(world.containerOf('a1'), (await world.endpointOf('b1')).addresses[0]!);
});
afterAll(async () => {
  await flow?.stop();
  await world?.remove();
});

const red = () => `${world.overlaysOf('h1')}100000`;
const fdbOf = (mac: string) =>
  kernelJson<{ mac: string; dst?: string }>('bridge', red(), 'fdb').find((row) => row.mac === mac && row.dst);
const h1Lines = () => actualLines(world.containerOf('h1'), world.overlaysOf('h1'), all().slice(0, 4));

describe.sequential('the controller is stopped', () => {
  let before: string[];
  let remote: { mac: string; addresses: readonly string[] };

  test('the kernel stays as it is', async () => {
    remote = await world.endpointOf('b1');
    before = h1Lines();
    await world.controller.stop('SIGKILL');
    await until('h1 has noticed', async () => !(await world.status('h1')).connected);
    expect(h1Lines()).toEqual(before);
  });

  test('why, is said in words, and not in those of the wire', async () => {
    const away = async () =>
      (await world.status('h1')).status?.notices?.find(({ code }) => code === 'controller-away');
    await until('it is said', async () => (await away()) !== undefined);
    expect((await away())!.sentence).toMatch(/nothing new is heard \([^[\]]+\)\.$/);
  });

  test('an agent that starts meanwhile leaves right what is right', async () => {
    await restartAgent();
    await world.attachTo('h1', 'a1', 'red');
    expect(h1Lines()).toEqual(before);
  });

  test('… mends what is missing, and does not delete what it cannot judge', async () => {
    const { id } = await localEndpoint('a2');
    await world.agent('h1').stop('SIGKILL');
    ip('-n', red(), 'link', 'del', `p${id.slice(-12).toLowerCase()}`);
    bridge('-n', red(), 'fdb', 'add', STRANGE_MAC, 'dev', 'vxlan0', 'dst', '10.99.0.9');
    ip('-n', red(), 'neigh', 'del', remote.addresses[1]!, 'dev', 'vxlan0');
    world.agent('h1').start();
    await until('all is there again', async () => before.every((line) => h1Lines().includes(line)));
    expect(h1Lines().filter((line) => !before.includes(line))).toEqual([
      `${red()} fdb ${STRANGE_MAC} vxlan0 10.99.0.9`,
    ]);
    expect(await pings(world.containerOf('a2'), remote.addresses[0]!)).toBe(true);
  });

  test('a container gets its address from the host’s own block, at once usable on the host', async () => {
    const { ok, body } = await world.attachTo('h1', 'a3', 'red');
    expect(body.endpoint, JSON.stringify(body)).toBeDefined();
    expect(ok).toBe(true);
    const [ipv4, ipv6] = body.endpoint.addresses;
    expect([await pings(world.containerOf('a1'), ipv4), await pings(world.containerOf('a1'), ipv6)]).toEqual([
      true,
      true,
    ]);
    expect(await pings(world.containerOf('a3'), (await localEndpoint('a1')).addresses[0]!)).toBe(true);
  });

  test('… and keeps it over a restart of the agent', async () => {
    const had = await localEndpoint('a3');
    const lines = h1Lines();
    await restartAgent();
    const { body } = await world.attachTo('h1', 'a3', 'red');
    expect(body.endpoint).toEqual(had);
    expect(h1Lines()).toEqual(lines);
  });

  test('where it has no block it says so, and leaves nothing', async () => {
    const lines = h1Lines();
    const { ok, body } = await world.attachTo('h1', 'a4', 'blue');
    expect([ok, body.code]).toEqual([false, 'unavailable']);
    expect(JSON.stringify(body)).toMatch(/controller/);
    expect(h1Lines()).toEqual(lines);
  });

  test('a dry run, which is the controller’s to answer, says whom it cannot reach', async () => {
    const namespace = world.containerOf('a1');
    for (const { ok, body } of [
      await world.attachTo('h1', 'a4', 'red', { dryRun: true }),
      await world.detach('h1', { namespace, dryRun: true }),
    ]) {
      expect([ok, body.code]).toEqual([false, 'unavailable']);
      expect(body.message).toMatch(/^the agent cannot reach the controller: /);
    }
  });

  test('a detach is done here, said to be told later, and remembered by the next process', async () => {
    const { ok, body } = await world.detachAll('h1', 'a2');
    expect(ok).toBe(true);
    expect(body.notices[0].code).toBe('detach-untold');
    const left = () => h1Lines().filter((line) => line.startsWith(world.containerOf('a2')));
    // Its port goes behind the answer.
    await until('it is gone', async () => left().length === 0);
    await world.agent('h1').stop('SIGKILL');
    world.agent('h1').start();
    await world.untilAnswers('h1');
    await until('it has looked', async () => (await world.status('h1')).status !== undefined);
    expect(left()).toEqual([]);
  });

  test('when it is back, all is told, and strange rows go', async () => {
    const had = await localEndpoint('a3');
    expect(fdbOf(STRANGE_MAC)).toBeDefined();
    world.controller.start();
    await untilSettled(world, all());
    const { endpoints } = await world.records();
    expect(endpoints.map(({ name }) => name).sort()).toEqual(['a1', 'a3', 'b1']);
    expect(endpoints.find(({ name }) => name === 'a3')).toEqual(had);
    expect(fdbOf(STRANGE_MAC)).toBeUndefined();
    expect(await pings(world.containerOf('b1'), had.addresses[0]!)).toBe(true);
    expect((await world.attachTo('h1', 'a4', 'blue')).ok).toBe(true);
  });

  test('no ping was lost meanwhile', async () => {
    const { sent, received } = await flow.stop();
    expect(sent).toBeGreaterThan(100);
    expect(received).toBe(sent);
  });
});

async function restartAgent(): Promise<void> {
  await world.agent('h1').stop('SIGKILL');
  world.agent('h1').start();
  await world.untilAnswers('h1');
}

/** As its host's agent has it. */
async function localEndpoint(name: string): Promise<EndpointJson> {
  const { endpoints = [] } = await world.status('h1');
  return endpoints.find(({ endpoint }) => endpoint.name === name)!.endpoint;
}
