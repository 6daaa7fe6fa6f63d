import { expect, test } from 'vitest';
import { interfaceOf, overlayOf, overlaysOf, vtepsOf } from '../world/docker-kernel.ts';
import type { DockerWorld } from '../world/docker-world.ts';
import { until } from '../world/world.ts';
import { onEngines } from './on-engines.ts';

/**
 * What goes wrong in Swarm's overlay network, by the threads of its users: each once here. `asker` on h1 speaks with
 * whoever has ADDRESS.
 */

const ADDRESS = '10.60.0.200';
const MAC = '02:60:00:00:02:00';
/** Of a change, until a container elsewhere is reached by it. */
const SOON_MS = 1000;

onEngines(
  'What goes wrong in Swarm',
  (world) => {
    const reaches = (target = ADDRESS) => world().engine('h1').pings('asker', target);
    const soon = (what: string, check: () => Promise<boolean>) => until(what, check, SOON_MS);
    const runX = (host: string, ...flags: readonly string[]) =>
      world()
        .engine(host)
        .run('moving', '--network', 'app', '--ip', ADDRESS, ...flags);
    const removeX = (host: string) => world().engine(host).docker('rm', '-f', 'moving');
    const leadsTo = async (mac: string, ...hosts: readonly string[]) =>
      expect(await vtepsOf(world(), 'h1', 'app', mac)).toEqual(hosts.map((host) => world().underlayOf(host)));

    test('hosts have a network', async () => {
      await world().weft('h1', 'network', 'create', 'app', '--subnet', '10.60.0.0/24');
      for (const host of world().names)
        await until(`${host} has it`, () => world().engine(host).docker('network', 'inspect', 'app'));
      await world().engine('h1').run('asker', '--network', 'app');
    });

    test('an address that is used again on another host leads there, and nothing leads to where it was', async () => {
      for (const host of ['h2', 'h3', 'h2']) {
        await runX(host);
        const { mac } = await interfaceOf(world(), host, 'moving', 'app');
        await soon(`it is reached on ${host}`, () => reaches());
        await leadsTo(mac, host);
        await removeX(host);
        await soon('its row is gone', async () => (await vtepsOf(world(), 'h1', 'app', mac)).length === 0);
      }
    });

    test('the same address and the same MAC on another host lead there', async () => {
      for (const host of ['h2', 'h3', 'h2']) {
        await runX(host, '--mac-address', MAC);
        await soon(`it is reached on ${host}`, () => reaches());
        await leadsTo(MAC, host);
        await removeX(host);
      }
    });

    test('a removal that comes after the next addition does not take that away', async () => {
      await runX('h2', '--mac-address', MAC);
      for (let i = 0; i < 8; i++) await world().engine('h2').docker('restart', '-t', '0', 'moving');
      await soon('it is reached', () => reaches());
      await leadsTo(MAC, 'h2');
      await removeX('h2');
    });

    test('a removal that a host tells of when it is back takes nothing from who has the address by then', async () => {
      await runX('h2', '--mac-address', MAC);
      await soon('it is reached', () => reaches());
      world().cutOff('h2');
      await world().weft('h1', 'host', 'evict', 'h2', '--yes');
      await until('it is on h3', () =>
        runX('h3', '--mac-address', MAC).catch(async (error) => {
          await removeX('h3');
          throw error;
        }),
      );
      await soon('it is reached there', () => reaches());
      await world().join('h2');
      await removeX('h2');
      await until('h2 has let it go', async () => (await overlaysOf(world(), 'h2')).length === 0);
      expect(await reaches()).toBe(true);
      await leadsTo(MAC, 'h3');
      await removeX('h3');
      await soon('its row is gone', async () => (await vtepsOf(world(), 'h1', 'app', MAC)).length === 0);
    });

    test('an entry that is there before, learned or by hand, does not keep the right one out', async () => {
      const namespace = await overlayOf(world(), 'h1', 'app');
      const fdb = ['bridge', '-n', namespace, 'fdb', 'add', MAC, 'dev', 'vxlan0'];
      const { machine } = world().engine('h1');
      await machine.exec(...fdb, 'dst', world().underlayOf('h3'), 'self', 'dynamic');
      await machine.exec(...fdb, 'master', 'dynamic').catch(() => {});
      await runX('h2', '--mac-address', MAC);
      await soon('it is reached', () => reaches());
      await leadsTo(MAC, 'h2');
    });

    test('what the kernel has otherwise than it should is mended', async () => {
      const namespace = await overlayOf(world(), 'h1', 'app');
      const { machine } = world().engine('h1');
      const spoil = async (...words: readonly string[]) => {
        await machine.exec(...words);
        await until('it is reached', () => reaches(), 5000);
        await leadsTo(MAC, 'h2');
      };
      const row = [MAC, 'dev', 'vxlan0', 'dst'];
      await spoil('bridge', '-n', namespace, 'fdb', 'del', ...row, world().underlayOf('h2'), 'self');
      await spoil('bridge', '-n', namespace, 'fdb', 'replace', ...row, world().underlayOf('h3'), 'self');
      await spoil('ip', '-n', namespace, 'neigh', 'del', ADDRESS, 'dev', 'vxlan0');
      await spoil('ip', '-n', namespace, 'link', 'del', 'vxlan0');
      await removeX('h2');
    });

    test('a partition: what lives keeps its name and address, what died meanwhile goes when it is over', async () => {
      await namesAfterPartition(world());
    });
  },
  ['h1', 'h2', 'h3'],
);

/** h2 is apart: asked on both sides of it. */
async function namesAfterPartition(world: DockerWorld): Promise<void> {
  const asks = (host: string, asking: string, name: string) =>
    world
      .engine(host)
      .docker('exec', asking, '/bin/busybox', 'nslookup', name)
      .then(
        (said) => said,
        ({ stdout, stderr }) => `${stdout}${stderr}`,
      );
  const asker = await interfaceOf(world, 'h1', 'asker', 'app');
  for (const name of ['lives', 'dies']) await world.engine('h2').run(name, '--network', 'app');
  const lives = await interfaceOf(world, 'h2', 'lives', 'app');
  for (const name of ['lives', 'dies'])
    await until(`${name} is found`, async () => (await asks('h1', 'asker', name)).includes('10.60.0.'));
  world.cutOff('h2');
  await world.engine('h2').docker('rm', '-f', 'dies');
  await world.engine('h1').run('newer', '--network', 'app');
  const bothFind = async () => {
    expect(await asks('h1', 'asker', 'lives')).toContain(lives.ip);
    expect(await asks('h2', 'lives', 'asker')).toContain(asker.ip);
    // It lives, and h2 cannot know.
    expect(await asks('h2', 'lives', 'newer.app.weft.internal')).toContain('SERVFAIL');
  };
  for (let i = 0; i < 5; i++) await bothFind();
  await world.agent('h2').stop('SIGKILL');
  await bothFind();
  world.agent('h2').start();
  await until('its agent is back', () => world.status('h2'));
  await bothFind();
  await world.join('h2');
  await until('newer is found', async () => (await asks('h2', 'lives', 'newer')).includes('10.60.0.'));
  await until('dies is not found', async () => !(await asks('h1', 'asker', 'dies')).includes('10.60.0.'));
  expect(await asks('h1', 'asker', 'lives')).toContain(lives.ip);
  await until('it reaches lives', () => world.engine('h1').pings('asker', 'lives'));
}
