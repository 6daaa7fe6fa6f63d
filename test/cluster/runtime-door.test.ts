import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ip, kernelJson } from '../world/namespaces.ts';
import { engineFlags, StandInEngine } from '../world/stand-in-engine.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM, pings } from './lab-cli.ts';

/**
 * Containers of an engine whose plugin the agent is: the engine moves, names and dresses their interfaces, and anything
 * happens meanwhile. The engine is a stand-in (real ones: test/conformance), the rest is real.
 */

let world: World;
let engine: StandInEngine;
const SUBNET = '10.1.0.0/24';

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'], flags: engineFlags });
  await world.startAll();
  for (const name of ['d1', 'd2', 'b1']) world.addNamespace(name);
  await world.createNetwork('red', SUBNET);
  await world.attachTo('h2', 'b1', 'red');
  engine = new StandInEngine(world, 'h1');
  await until('h1 has heard of red', () => joined());
});
afterAll(() => world?.remove());

const joined = async (): Promise<boolean> => {
  await engine.join('red', SUBNET);
  return true;
};

interface LinkJson {
  readonly ifname: string;
  readonly address: string;
  readonly flags: readonly string[];
}
const linksIn = (namespace: string) => kernelJson<LinkJson>('ip', namespace, 'link');
const waitingEnds = () =>
  linksIn(world.containerOf('h1'))
    .map(({ ifname }) => ifname)
    .filter((name) => name.startsWith('wfe'));
const overlay = () => `${world.overlaysOf('h1')}100000`;
const portOf = (id: string) => `p${id.slice(-12).toLowerCase()}`;
const addressOfB1 = async () => (await world.endpointOf('b1')).addresses[0]!;

async function untilReaches(name: string): Promise<void> {
  const address = await addressOfB1();
  await until(`${name} reaches b1`, async () => pings(world.containerOf(name), address));
}

/** The journal says where the interface is, and the record what it is called there. */
const untilFound = (name: string) =>
  until(`${name} is found`, async () => {
    const endpoint = await engine.endpointOf(name);
    const entry = endpoint && world.journalOf('h1').get(endpoint.id);
    return entry?.namespace?.path === `/run/netns/${world.containerOf(name)}` && entry.published === true;
  });

/** On a slow disk the view may not have been kept yet: then the agent waits for the controller's word. */
async function restart(view?: 'not kept'): Promise<void> {
  await world.agent('h1').stop('SIGKILL');
  if (view) rmSync(world.viewOf('h1'), { force: true });
  world.agent('h1').start();
}

/** Nothing is left of them, anywhere. */
afterEach(async () => {
  for (const name of ['d1', 'd2']) await engine.stop(name);
  await until('nothing is left', async () => {
    const left = [...world.journalOf('h1').values()].filter(({ entry }) => entry === 'attachment');
    const { endpoints } = await world.records();
    const names = endpoints.map(({ name }) => name);
    expect([left, names, waitingEnds()]).toEqual([[], ['b1'], []]);
    return true;
  });
});

describe('a container of an engine', () => {
  test('reaches other hosts’ containers, and is found where the engine moved its interface', async () => {
    const [ask, ...rest] = engine.steps('d1');
    await ask!();
    const began = performance.now();
    await rest[0]!();
    console.log(`CreateEndpoint took ${(performance.now() - began).toFixed(1)} ms`);
    expect(waitingEnds()).toHaveLength(1);
    for (const step of rest.slice(1)) await step();
    await untilReaches('d1');
    await untilFound('d1');
    expect(waitingEnds()).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5])(
    'is whole though the agent was killed after step %i of its start',
    async (after) => {
      const steps = engine.steps('d1');
      for (const step of steps.slice(0, after)) await step();
      await restart(after % 2 === 1 ? 'not kept' : undefined);
      for (const step of steps.slice(after)) await step();
      await untilReaches('d1');
      await untilFound('d1');
    },
  );

  test('asked for twice, its endpoint is one', async () => {
    for (const step of engine.steps('d1').slice(0, 2)) await step();
    await until('d1 is recorded', async () => (await engine.endpointOf('d1')) !== undefined);
    const endpoint = (await engine.endpointOf('d1'))!;
    await engine.createEndpoint('d1', `${endpoint.addresses[0]}/24`);
    await restart();
    await engine.createEndpoint('d1', `${endpoint.addresses[0]}/24`);
    expect((await engine.endpointOf('d1'))?.id).toBe(endpoint.id);
    expect(waitingEnds()).toHaveLength(1);
  });

  test('has its interface again, as it was, when somebody deletes the pair', async () => {
    await engine.start('d1');
    await untilFound('d1');
    const endpoint = (await engine.endpointOf('d1'))!;
    ip('-n', overlay(), 'link', 'del', portOf(endpoint.id));
    await untilReaches('d1');
    const eth0 = linksIn(world.containerOf('d1')).find(({ ifname }) => ifname === 'eth0');
    expect(eth0).toMatchObject({ address: endpoint.mac });
    // It is no longer the one that the engine moved; it goes all the same.
    expect(eth0!.flags).toContain('UP');
  });

  const deletePair = async (name: string) => {
    await until(`${name} is recorded`, async () => (await engine.endpointOf(name)) !== undefined);
    ip('-n', overlay(), 'link', 'del', portOf((await engine.endpointOf(name))!.id));
  };

  test.each([2, 3, 4])(
    'whose pair is deleted after step %i of its start: its engine misses it, gives up, and may try again',
    async (after) => {
      const steps = engine.steps('d1');
      for (const step of steps.slice(0, after)) await step();
      await deletePair('d1');
      const goOn = async () => {
        for (const step of steps.slice(after)) await step();
      };
      await expect(goOn()).rejects.toThrow(/Cannot find device "(wfe|eth0)/);
      await engine.stop('d1');
      expect(waitingEnds()).toEqual([]);
      await engine.start('d1');
      await untilReaches('d1');
    },
  );

  test('whose pair is deleted before the agent has found it there has it again', async () => {
    const steps = engine.steps('d1');
    for (const step of steps.slice(0, 3)) await step();
    await until('d1 is recorded', async () => (await engine.endpointOf('d1')) !== undefined);
    world.agent('h1').freeze();
    for (const step of steps.slice(3)) await step();
    await deletePair('d1');
    world.agent('h1').thaw();
    await untilReaches('d1');
    await untilFound('d1');
  });

  test('keeps what its engine or its owner gave the interface besides', async () => {
    await engine.start('d1');
    await untilFound('d1');
    const container = world.containerOf('d1');
    ip('-n', container, 'address', 'add', '192.168.9.1/24', 'dev', 'eth0');
    ip('-n', container, 'link', 'set', 'eth0', 'down');
    await untilReaches('d1');
    const [{ addr_info }] = kernelJson<{ addr_info: { local: string }[] }>(
      'ip',
      container,
      'address',
      'show',
      'eth0',
    ) as [{ addr_info: { local: string }[] }];
    expect(addr_info.map(({ local }) => local)).toContain('192.168.9.1');
  });

  test('given back, its interface is not made again in the container', async () => {
    await engine.start('d1');
    await untilFound('d1');
    engine.giveBack('d1');
    const { address } = linksIn(world.containerOf('h1')).find(({ ifname }) => ifname.startsWith('wfe'))!;
    // A glance finds what changed within five seconds.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(linksIn(world.containerOf('d1')).map(({ ifname }) => ifname)).toEqual(['lo']);
    expect(linksIn(world.containerOf('h1')).map((link) => link.address)).toContain(address);
    await engine.deleteEndpoint('d1');
    await until('it is gone', async () => waitingEnds().length === 0);
  });

  test('whose sandbox is gone without a word leaves nothing once its engine says so', async () => {
    await engine.start('d1');
    await untilFound('d1');
    world.removeNamespace(world.containerOf('d1'));
    world.addNamespace('d1');
    await until('its port is gone', async () => {
      const endpoint = (await engine.endpointOf('d1'))!;
      return !linksIn(overlay()).some(({ ifname }) => ifname === portOf(endpoint.id));
    });
  });

  test('has the same address by name after a stop and a start, with the controller away', async () => {
    await engine.start('d2');
    await untilFound('d2');
    await engine.start('d1');
    await untilFound('d1');
    const [ip1] = (await engine.endpointOf('d1'))!.addresses;
    await world.untilViewKept('h1');
    await world.controller.stop('SIGKILL');
    try {
      await engine.stop('d1');
      await engine.start('d1', ip1);
      const [ip2] = kernelJson<{ addr_info: { local: string }[] }>(
        'ip',
        world.containerOf('d2'),
        'address',
        'show',
        'eth0',
      ).map(({ addr_info }) => addr_info.find(({ local }) => local.startsWith('10.'))!.local);
      await until('d1 reaches d2', async () => pings(world.containerOf('d1'), ip2!));
    } finally {
      world.controller.start();
      await world.untilConnected('h1');
    }
    await untilReaches('d1');
    expect((await engine.endpointOf('d1'))?.addresses).toEqual([ip1]);
  });
});
