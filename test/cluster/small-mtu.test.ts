import { afterAll, beforeAll, expect, test } from 'vitest';
import { callOk } from '../world/api.ts';
import { kernelJson } from '../world/namespaces.ts';
import { ping } from '../world/talk.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

/** Below an MTU of 1280 the kernel takes IPv6 off a device, link-local addresses and neighbours with it. */

let world: World;
const HOST_OF = { a: 'h1', b: 'h2' } as const;

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  await world.startAll();
  for (const name of Object.keys(HOST_OF)) world.addNamespace(name);
});
afterAll(() => world?.remove());

const controller = (method: string, words: object) =>
  callOk(world.controllerSocket, `ControllerService/${method}`, { network: 'small', ...words });

const mtuOf = (name: string): number =>
  kernelJson<{ ifname: string; mtu: number }>('ip', world.containerOf(name), 'link').find(
    ({ ifname }) => ifname === 'eth0',
  )!.mtu;

test.each(['proxy', 'static', 'flood'])(
  'an IPv4 network in mode %s works with it, and is changed to it and back',
  async (mode) => {
    await controller('CreateNetwork', { name: 'small', subnets: ['10.1.0.0/16'], mtu: 1000, mode });
    for (const [name, host] of Object.entries(HOST_OF)) {
      const { ok, body } = await world.attachTo(host, name, 'small');
      expect([ok, body]).toEqual([true, expect.anything()]);
    }
    const address = kernelJson<{ ifname: string; addr_info: { local: string }[] }>(
      'ip',
      world.containerOf('b'),
      'addr',
    ).find(({ ifname }) => ifname === 'eth0')!.addr_info[0]!.local;
    for (const mtu of [1000, 1400, 1000]) {
      if (mtu !== mtuOf('a')) await controller('ChangeNetwork', { mtu });
      await until(`containers have ${mtu}`, async () => mtuOf('a') === mtu && mtuOf('b') === mtu);
      await until('a reaches b', () => ping(world.containerOf('a'), address));
      await until('nothing drifts or fails', async () => {
        const all = await Promise.all(Object.values(HOST_OF).map((host) => world.status(host)));
        expect(all.flatMap(({ status }) => [...(status?.drift ?? []), ...(status?.failing ?? [])])).toEqual(
          [],
        );
        return all.every(({ connected }) => connected);
      });
    }
    for (const [name, host] of Object.entries(HOST_OF)) await world.detachAll(host, name);
    await world.untilAllDetached();
    await controller('RemoveNetwork', {});
  },
);
