import { expect, test } from 'vitest';
import { interfaceOf, overlaysOf } from '../world/docker-kernel.ts';
import { onEachEngine } from '../world/each-engine.ts';
import { until } from '../world/world.ts';

/** Hosts, engines and agents end and come back, and nobody lends a hand. */

onEachEngine(['h1', 'h2'], (world) => {
  const reaches = (target: string) => world().engine('h2').pings('there', target);
  const isUp = async (container: string) =>
    (await world().engine('h1').docker('inspect', '-f', '{{.State.Running}}', container)) === 'true';
  const addresses = async () =>
    (await world().records()).endpoints.map(({ name, addresses }) => `${name} ${addresses}`).sort();
  const allReached = async () => {
    const kept = async () => (await interfaceOf(world(), 'h1', 'kept', 'app')).ip;
    await until('kept is reached', async () => reaches(await kept()), 10_000);
    await until('fixed is reached', () => reaches('10.61.0.100'), 10_000);
  };

  test('containers that are to come back, one with an address of its own', async () => {
    await world().weft('h1', 'network', 'create', 'app', '--subnet', '10.61.0.0/24');
    for (const host of world().names)
      await until(`${host} has it`, () => world().engine(host).docker('network', 'inspect', 'app'));
    // An engine that was killed takes `unless-stopped` for stopped, on any network.
    const again = ['--network', 'app', '--restart', 'always'];
    await world()
      .engine('h1')
      .run('kept', ...again);
    await world()
      .engine('h1')
      .run('fixed', ...again, '--ip', '10.61.0.100');
    await world().engine('h1').run('ends', '--network', 'app');
    await world().engine('h2').run('there', '--network', 'app');
    await allReached();
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)('an engine that ends by %s and starts again', async (signal) => {
    await world().engine('h1').docker('start', 'ends');
    await world().engine('h1').stopEngine(signal);
    await world().engine('h1').startEngine();
    await until('kept runs', () => isUp('kept'), 20_000);
    await until('fixed runs', () => isUp('fixed'), 20_000);
    await allReached();
    expect(await isUp('ends')).toBe(false);
    await until('who is gone is forgotten', async () => (await addresses()).length === 3, 30_000);
    expect((await addresses()).filter((line) => line.startsWith('fixed'))).toEqual(['fixed 10.61.0.100']);
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'with --live-restore, an engine that ends by %s takes nothing along',
    async (signal) => {
      const engine = world().engine('h1');
      engine.flags = ['--live-restore'];
      await engine.stopEngine('SIGTERM');
      await engine.startEngine();
      await until('kept runs', () => isUp('kept'), 20_000);
      await allReached();
      const before = await addresses();
      const { ip } = await interfaceOf(world(), 'h1', 'kept', 'app');
      await engine.stopEngine(signal);
      expect(await reaches(ip)).toBe(true);
      await engine.startEngine();
      expect(await reaches(ip)).toBe(true);
      expect(await addresses()).toEqual(before);
      engine.flags = [];
    },
  );

  test('an agent that is killed takes nothing along, and is asked again when it is back', async () => {
    const before = await addresses();
    await world().agent('h1').stop('SIGKILL');
    await allReached();
    const starting = world().engine('h1').run('late', '--network', 'app');
    world().agent('h1').start();
    await starting;
    const { ip } = await interfaceOf(world(), 'h1', 'late', 'app');
    await until('late is reached', () => reaches(ip), 10_000);
    await world().engine('h1').docker('rm', '-f', 'late');
    await until('all is as it was', async () => `${await addresses()}` === `${before}`, 10_000);
  });

  test('a host that boots anew', async () => {
    await world().reboot('h1');
    await until('kept runs', () => isUp('kept'), 20_000);
    await until('fixed runs', () => isUp('fixed'), 20_000);
    await allReached();
    await until('who is gone is forgotten', async () => (await addresses()).length === 3, 30_000);
    expect(await overlaysOf(world(), 'h1')).toHaveLength(1);
  });

  test('both hosts at once', async () => {
    await world().engine('h2').docker('update', '--restart', 'always', 'there');
    await Promise.all(world().names.map((host) => world().reboot(host)));
    for (const container of ['kept', 'fixed']) await until(`${container} runs`, () => isUp(container));
    await until('there runs', () => reaches('127.0.0.1'));
    await allReached();
  });
});
