import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../world/world.ts';
import { onEngines, refusalOf } from './on-engines.ts';

const MAKE = ['network', 'create', '-d', 'weft', '--ipam-driver', 'weft'] as const;

onEngines('networks', (world, version) => {
  const docker = (host: string, ...words: string[]) =>
    world()
      .engine(host)
      .docker(...words);
  const make = (host: string, ...words: string[]) => docker(host, ...MAKE, ...words);
  const weft = (...words: string[]) => world().weft('h1', ...words);
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  const inspect = async (host: string, name: string): Promise<any> =>
    JSON.parse(await docker(host, 'network', 'inspect', '-f', '{{json .}}', name));
  const namesOn = async (host: string) =>
    (await docker(host, 'network', 'ls', '--filter', 'driver=weft', '--format', '{{.Name}}'))
      .split('\n')
      .filter(Boolean);
  /** In a container that comes for it. Of one that ends by itself engines lose now and then what it said last. */
  const saidIn = async (network: string, ...words: string[]) => {
    await world().engine('h1').run('says', '--network', network);
    const said = await docker('h1', 'exec', 'says', '/bin/busybox', ...words);
    await docker('h1', 'rm', '-f', 'says');
    return said;
  };
  const until_ = (host: string, name: string, isThere = true) =>
    until(
      `${name} is ${isThere ? '' : 'not '}on ${host}`,
      async () => (await namesOn(host)).includes(name) === isThere,
    );
  const records = async () => (await world().records()).networks;
  const noticesOf = async (host: string) =>
    ((await world().status(host)).status?.notices ?? []).map(({ code }) => code);

  /** Also what a test that failed has left. */
  async function clean(): Promise<void> {
    for (const { name } of await records()) await weft('network', 'rm', name);
    for (const host of ['h1', 'h2'])
      await until(`${host} is clean`, async () => (await namesOn(host)).length === 0);
  }

  test('the engine is the one that it is said to be', async () => {
    const said = await docker('h1', 'version', '-f', '{{.Client.Version}} {{.Server.Version}}');
    const [client, server] = said.split(' ');
    expect(client).toBe(server);
    if (version !== 'sid') expect(server).toMatch(new RegExp(`^${version}\\.`));
  });

  describe('of Weft', () => {
    test('appear in every Docker, as they are', async () => {
      await weft(
        'network',
        'create',
        'app',
        '--subnet',
        '10.1.0.0/16',
        '--subnet',
        'fd00:1::/64',
        '--gateway',
        '10.1.255.254',
      );
      for (const host of ['h1', 'h2']) {
        await until_(host, 'app');
        const network = await inspect(host, 'app');
        expect(network).toMatchObject({
          Driver: 'weft',
          Scope: 'local',
          EnableIPv6: true,
          Internal: false,
        });
        expect(network.IPAM.Config.map(({ Subnet }: { Subnet: string }) => Subnet)).toEqual([
          '10.1.0.0/16',
          'fd00:1::/64',
        ]);
        expect(network.IPAM.Config[0].Gateway).toBe('10.1.255.254');
      }
    });

    test('stay away where a user removed them, and come back where a user asks for them', async () => {
      await docker('h2', 'network', 'rm', 'app');
      await weft('network', 'create', 'sign', '--subnet', '10.254.0.0/24');
      await until_('h2', 'sign');
      expect(await namesOn('h2')).not.toContain('app');
      await world().agent('h2').stop('SIGKILL');
      await world().engine('h2').stopEngine('SIGKILL');
      world().agent('h2').start();
      await world().untilConnected('h2');
      await world().engine('h2').startEngine();
      await weft('network', 'rm', 'sign');
      await until_('h2', 'sign', false);
      expect(await namesOn('h2')).not.toContain('app');
      expect(await namesOn('h1')).toContain('app');
      await make('h2', '--ipv6', '--ipam-opt', 'weft.network=app', '-o', 'weft.network=app', 'app');
      expect(
        (await inspect('h2', 'app')).IPAM.Config.map(({ Subnet }: { Subnet: string }) => Subnet),
      ).toEqual(['10.1.0.0/16', 'fd00:1::/64']);
    });

    test('go from every Docker, but not under anybody who uses them', async () => {
      await world().engine('h2').run('user', '--network', 'app');
      expect(await refusalOf(weft('network', 'rm', 'app'))).toContain('endpoint user on host h2');
      await docker('h2', 'rm', '-f', 'user');
      await weft('network', 'rm', 'app');
      for (const host of ['h1', 'h2']) await until_(host, 'app', false);
      expect(await records()).toEqual([]);
    });

    test('leave a network of another driver its name', async () => {
      await docker('h2', 'network', 'create', 'taken');
      await weft('network', 'create', 'taken', '--subnet', '10.1.0.0/16');
      await until_('h1', 'taken');
      await until('it is told', async () => (await noticesOf('h2')).includes('docker-name-taken'));
      expect((await inspect('h2', 'taken')).Driver).toBe('bridge');
      await docker('h2', 'network', 'rm', 'taken');
      await until_('h2', 'taken');
      await until('nothing is told', async () => (await noticesOf('h2')).length === 0);
      await weft('network', 'rm', 'taken');
    });

    test('with addresses of docker_gwbridge have no containers, and it is told why', async () => {
      const bridge = ['-o', 'com.docker.network.bridge.name=docker_gwbridge', 'docker_gwbridge'];
      await docker('h2', 'network', 'rm', 'docker_gwbridge').catch(() => {});
      await docker('h2', 'network', 'create', '--subnet', '10.66.0.0/24', ...bridge);
      await weft('network', 'create', 'over', '--subnet', '10.66.0.0/16', '--allow-overlap');
      await until_('h2', 'over');
      await until('it is told', async () => (await noticesOf('h2')).includes('docker-gwbridge-overlap'));
      expect(await noticesOf('h1')).toEqual([]);
      expect(await refusalOf(world().engine('h2').run('c1', '--network', 'over'))).toContain('10.66.0.');
      await docker('h2', 'rm', '-f', 'c1');
      await docker('h2', 'network', 'rm', 'docker_gwbridge');
      await until('nothing is told', async () => (await noticesOf('h2')).length === 0);
      await world().engine('h2').run('c1', '--network', 'over');
      await docker('h2', 'rm', '-f', 'c1');
      await weft('network', 'rm', 'over');
      for (const host of ['h1', 'h2']) await until_(host, 'over', false);
    });
  });

  describe('of Docker', () => {
    afterEach(clean);

    test('appear in Weft and on the other hosts, with their labels', async () => {
      await make(
        'h1',
        '--subnet',
        '10.2.0.0/16',
        '--gateway',
        '10.2.0.9',
        '--label',
        'com.example=yes',
        '--internal',
        'made',
      );
      await until_('h2', 'made');
      expect(await inspect('h2', 'made')).toMatchObject({ Internal: true, Labels: { 'com.example': 'yes' } });
      expect(await records()).toMatchObject([
        { name: 'made', internal: true, subnets: [{ cidr: '10.2.0.0/16', gateway: '10.2.0.9' }] },
      ]);
    });

    test('are there for the container that comes at once, with a subnet of their own', async () => {
      await make('h1', 'quick');
      expect(await saidIn('quick', 'ip', 'addr')).toMatch(/inet 10\.128\.\d+\.\d+\/20/);
      await make('h1', '--ipv6', 'quick6');
      const [first, second] = await Promise.all([inspect('h1', 'quick'), inspect('h1', 'quick6')]);
      expect(second.IPAM.Config[0].Subnet).not.toBe(first.IPAM.Config[0].Subnet);
      expect(second.IPAM.Config[1].Subnet).toMatch(/^fd[0-9a-f:]+\/64$/);
    });

    test('have what their options say', async () => {
      await make(
        'h1',
        '--subnet',
        '10.3.0.0/16',
        '-o',
        'weft.name=flooded',
        '-o',
        'weft.mode=flood',
        '-o',
        'weft.vni=77',
        '-o',
        'weft.port=4790',
        '-o',
        'com.docker.network.driver.mtu=1300',
        'other',
      );
      expect(await records()).toMatchObject([
        { name: 'flooded', mode: 'flood', vni: 77, port: 4790, mtu: 1300 },
      ]);
      await until_('h2', 'flooded');
      expect(await saidIn('other', 'ip', 'link', 'show', 'eth0')).toContain('mtu 1300');
    });

    test('of the same name and subnet are one; with another subnet they stay apart, and it is told', async () => {
      await make('h1', '--subnet', '10.4.0.0/16', 'shop');
      await until_('h2', 'shop');
      await docker('h2', 'network', 'rm', 'shop');
      await make('h2', '--subnet', '10.5.0.0/16', 'shop');
      await until_('h1', 'shop-2');
      expect((await inspect('h1', 'shop-2')).IPAM.Config[0].Subnet).toBe('10.5.0.0/16');
      await until('it is told', async () => (await noticesOf('h2')).includes('docker-network-apart'));
      expect(await noticesOf('h1')).toEqual([]);
    });

    test('made on both hosts at once, as by two with the same Compose file, are one on each', async () => {
      const isOne = async (host: string) => (await namesOn(host)).join() === 'shop';
      // What the second host hears of the first one's finds it at another point of its own each time.
      for (const laterMs of [0, 10, 20, 40, 70]) {
        await Promise.all(
          ['h1', 'h2'].map(async (host, i) => {
            await sleep(i * laterMs);
            const said = await make(host, '--subnet', '10.4.0.0/16', 'shop').catch(({ stderr }) => stderr);
            expect(said).toMatch(/^[0-9a-f]{64}$|network with name shop already exists/);
          }),
        );
        for (const host of ['h1', 'h2'])
          await until(`${host} has one, ${laterMs} ms later`, () => isOne(host));
        expect((await records()).map(({ name }) => name)).toEqual(['shop']);
        await until('nothing is told', async () => (await noticesOf('h2')).length === 0);
        await clean();
      }
    });

    test('are not meant by a prune', async () => {
      await make('h1', '--subnet', '10.6.0.0/16', 'unused');
      await until_('h2', 'unused');
      await world().engine('h2').run('c1', '--network', 'unused');
      await docker('h2', 'stop', 'c1');
      expect(await docker('h2', 'network', 'prune', '-f')).toContain('unused');
      await until_('h2', 'unused');
      // As docs/docker.md has it.
      expect(await refusalOf(docker('h2', 'start', 'c1'))).toMatch(/network \w+ not found/);
      await docker('h2', 'network', 'disconnect', '-f', 'unused', 'c1');
      await docker('h2', 'network', 'connect', '--ip', '10.6.0.9', 'unused', 'c1');
      await docker('h2', 'start', 'c1');
      expect(await docker('h2', 'exec', 'c1', '/bin/busybox', 'ip', 'addr')).toContain('inet 10.6.0.9/16');
      await docker('h2', 'rm', '-f', 'c1');
    });

    test('are not meant by a prune that no agent was there for, or for some of them', async () => {
      await make('h1', '--subnet', '10.6.0.0/16', 'unused');
      await make('h1', '--subnet', '10.7.0.0/16', 'useless');
      for (const name of ['unused', 'useless']) await until_('h2', name);
      // Until it has been seen in Docker, its absence says nothing.
      await sleep(2_000);
      await world().agent('h2').stop('SIGKILL');
      // dockerd looks for its driver for three quarters of a minute, and then goes on without: to the next.
      const seconds = () => `${Math.floor(Date.now() / 1000)}`;
      const gone = ['events', '--since', seconds(), '--filter', 'event=destroy', '--until'];
      const pruned = docker('h2', 'network', 'prune', '-f');
      await until('one has gone', async () => (await docker('h2', ...gone, seconds())) !== '', 90_000);
      // The last calls that it repeats are 8 s apart: this one is answered when the first has been gone for 15 s.
      await sleep(9_000);
      world().agent('h2').start();
      expect((await pruned).split('\n')).toEqual(expect.arrayContaining(['unused', 'useless']));
      await world().untilConnected('h2');
      for (const name of ['unused', 'useless']) await until_('h2', name);
      await weft('network', 'rm', 'useless');
      await docker('h2', 'network', 'rm', 'unused');
      await world().agent('h2').stop('SIGKILL');
      world().agent('h2').start();
      await world().untilConnected('h2');
      await weft('network', 'create', 'sign', '--subnet', '10.254.0.0/24');
      await until_('h2', 'sign');
      expect(await namesOn('h2')).toEqual(['sign']);
    });

    const loseState = async (host: string) => {
      await world().agent(host).stop('SIGKILL');
      await weft('host', 'rm', host);
      await world().engine(host).machine.exec('rm', '-r', '/var/lib/weft/agent');
      world().agent(host).start();
      await world().untilConnected(host);
    };
    const SHOW = ['busybox', '/bin/busybox', 'ip', 'addr'];

    test('of a host whose state was lost go on', async () => {
      await make('h1', '--subnet', '10.6.0.0/16', 'kept');
      await until_('h2', 'kept');
      await docker('h2', 'create', '--name', 'c1', '--network', 'kept', ...SHOW);
      await loseState('h2');
      await until('c1 starts', async () => (await docker('h2', 'start', '-a', 'c1')).includes('inet 10.6.'));
      await docker('h2', 'rm', 'c1');
    });

    test('without a subnet, made anew on a host, are the same also when its state was lost', async () => {
      await make('h1', 'kept');
      await until_('h2', 'kept');
      await docker('h2', 'network', 'rm', 'kept');
      await make('h2', 'kept');
      await docker('h2', 'create', '--name', 'c1', '--network', 'kept', ...SHOW);
      await loseState('h2');
      await until('c1 starts', () => docker('h2', 'start', '-a', 'c1'));
      expect((await records()).map(({ name }) => name)).toEqual(['kept']);
      await docker('h2', 'rm', 'c1');
    });
  });

  describe('beside one that is there', () => {
    beforeEach(async () => {
      if ((await records()).length > 0) return;
      await weft('network', 'create', 'there', '--subnet', '10.8.0.0/16', '--vni', '88');
      await until_('h1', 'there');
    });

    test.each<[string, string[], string]>([
      [
        "Docker's own addresses",
        ['-d', 'weft', '--subnet', '172.30.0.0/16'],
        'docker network create -d weft --ipam-driver weft --subnet 172.30.0.0/16 NAME',
      ],
      [
        'no addresses',
        ['-d', 'weft', '--ipam-driver', 'null'],
        'docker network create -d weft --ipam-driver weft NAME',
      ],
      [
        'an option of nobody',
        [...MAKE.slice(2), '-o', 'weft.colour=red'],
        '-o weft.colour "red": is not an option of Weft',
      ],
      [
        'an impossible mode',
        [...MAKE.slice(2), '-o', 'weft.mode=x'],
        '-o weft.mode "x": is not known; use one of p2p',
      ],
      [
        'an impossible VNI',
        [...MAKE.slice(2), '-o', 'weft.vni=16777216'],
        '-o weft.vni "16777216": is not a VNI',
      ],
      [
        'a VNI that is taken',
        [...MAKE.slice(2), '-o', 'weft.vni=88'],
        '-o weft.vni "88": is taken by network there',
      ],
      ['a port of another program', [...MAKE.slice(2), '-o', 'weft.port=70000'], '-o weft.port "70000"'],
      ['too large an MTU', [...MAKE.slice(2), '-o', 'weft.mtu=70000'], '-o weft.mtu "70000"'],
      ['an impossible TTL', [...MAKE.slice(2), '-o', 'weft.ttl=256'], '-o weft.ttl "256"'],
      ['no number', [...MAKE.slice(2), '-o', 'weft.port=many'], '-o weft.port "many": is not a whole number'],
      ['an impossible underlay', [...MAKE.slice(2), '-o', 'weft.underlay=ipv5'], '-o weft.underlay "ipv5"'],
      [
        'a group of nobody’s',
        [...MAKE.slice(2), '-o', 'weft.mode=multicast', '-o', 'weft.group=10.0.0.1'],
        '-o weft.group "10.0.0.1"',
      ],
      ['another gateway', [...MAKE.slice(2), '-o', 'weft.gateway=10.9.0.1'], '-o weft.gateway "10.9.0.1"'],
      ['a name of no form', [...MAKE.slice(2), '-o', 'weft.name=-'], '-o weft.name "-"'],
      ['no switch', [...MAKE.slice(2), '-o', 'weft.allow-overlap=yes'], '-o weft.allow-overlap "yes"'],
      [
        'two words for one thing',
        [...MAKE.slice(2), '-o', 'weft.mtu=1300', '-o', 'com.docker.network.driver.mtu=1400'],
        'by another option',
      ],
      [
        'a gateway outside of its subnet',
        [...MAKE.slice(2), '--subnet', '10.9.0.0/16', '--gateway', '10.10.0.1'],
        '10.10.0.1',
      ],
      ['encryption', [...MAKE.slice(2), '-o', 'encrypted'], 'does not encrypt'],
      ['a subnet with host bits', [...MAKE.slice(2), '--subnet', '10.9.0.1/16'], ''],
      ['a subnet that a host routes', [...MAKE.slice(2), '--subnet', '10.99.0.0/24'], 'overlaps the route'],
      ['a subnet of the world', [...MAKE.slice(2), '--subnet', '224.0.0.0/8'], '--subnet "224.0.0.0/8"'],
      [
        'too small a subnet',
        [...MAKE.slice(2), '--subnet', '10.9.0.0/31'],
        '--subnet "10.9.0.0/31": has 2 addresses',
      ],
      [
        'two subnets of a family',
        [...MAKE.slice(2), '--subnet', '10.9.0.0/16', '--subnet', '10.10.0.0/16'],
        'comes beside another of IPv4',
      ],
      [
        'a range within the subnet',
        [...MAKE.slice(2), '--subnet', '10.9.0.0/16', '--ip-range', '10.9.1.0/24'],
        '--ip-range "10.9.1.0/24": is not needed',
      ],
      [
        'an auxiliary address',
        [...MAKE.slice(2), '--subnet', '10.9.0.0/16', '--aux-address', 'a=10.9.0.7'],
        '--aux-address "10.9.0.7": cannot be set aside',
      ],
      [
        'a network of nobody',
        [...MAKE.slice(2), '--ipam-opt', 'weft.network=nope'],
        'is not a network of Weft',
      ],
      [
        'another subnet than the network has',
        [...MAKE.slice(2), '--subnet', '10.9.0.0/16', '-o', 'weft.name=there'],
        '--ipam-opt weft.network=there',
      ],
      [
        'another mode than the network has',
        [...MAKE.slice(2), '--subnet', '10.8.0.0/16', '-o', 'weft.name=there', '-o', 'weft.mode=flood'],
        '',
      ],
    ])('with %s are refused, and nothing is left', async (_, words, text) => {
      expect(await refusalOf(docker('h1', 'network', 'create', ...words, 'bad'))).toContain(text);
      expect((await records()).map(({ name }) => name)).toEqual(['there']);
      expect(await namesOn('h1')).toEqual(['there']);
    });

    // Engines before 28 know no network without IPv4.
    if (version === 'sid')
      test('without any family are refused', async () => {
        const said = await refusalOf(docker('h1', ...MAKE, '--ipv4=false', 'bad'));
        expect(said).toContain('--ipv4 "false": leaves no family to give addresses of; add --ipv6');
        expect(await namesOn('h1')).toEqual(['there']);
      });

    test('cannot be made while the controller is away, which is said; those that are there go on', async () => {
      const runOnce = () =>
        docker('h1', 'run', '--rm', '--network', 'there', 'busybox', '/bin/busybox', 'true');
      // Its host has addresses to give from then on.
      await runOnce();
      world().cutOff('h1');
      await until('the controller is away', async () => !(await world().status('h1')).connected);
      const subnet = ['--subnet', '10.11.0.0/16'];
      expect(await refusalOf(make('h1', ...subnet, 'late'))).toContain('controller');
      await runOnce();
      await world().join('h1');
      await make('h1', ...subnet, 'late');
      await until_('h2', 'late');
    });
  });
});
