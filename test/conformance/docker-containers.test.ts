import { afterEach, expect, test } from 'vitest';
import { until } from '../world/world.ts';
import { onEngines, refusalOf } from './on-engines.ts';

/** Two networks over both hosts, and what `docker run` and its kin can ask for in them. */
onEngines('containers', (world) => {
  const docker = (host: string, ...words: string[]) =>
    world()
      .engine(host)
      .docker(...words);
  const run = (host: string, name: string, ...flags: string[]) =>
    world()
      .engine(host)
      .run(name, ...flags);
  const inside = (host: string, name: string, ...words: string[]) =>
    docker(host, 'exec', name, '/bin/busybox', ...words);
  const reaches = (host: string, from: string, to: string) => world().engine(host).pings(from, to);
  const remove = (host: string, ...names: string[]) => docker(host, 'rm', '-f', ...names);
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  const inspect = async (host: string, name: string, network = 'app'): Promise<any> =>
    JSON.parse(await docker(host, 'inspect', '-f', `{{json .NetworkSettings.Networks.${network}}}`, name));
  const endpoints = async () => (await world().records()).endpoints;
  const endpointOf = async (name: string) => (await endpoints()).find((endpoint) => endpoint.name === name)!;
  const untilNamed = (name: string) =>
    until(`${name} is known`, async () => (await endpointOf(name)) !== undefined);
  const untilNone = () => until('no endpoint is left', async () => (await endpoints()).length === 0);

  /** Also what a test that failed has left. */
  afterEach(async () => {
    for (const host of ['h1', 'h2']) {
      const left = (await docker(host, 'ps', '-aq')).split('\n').filter(Boolean);
      if (left.length > 0) await remove(host, ...left);
    }
  });

  test('the networks are there', async () => {
    await world().weft(
      'h1',
      'network',
      'create',
      'app',
      '--subnet',
      '10.1.0.0/16',
      '--subnet',
      'fd00:1::/64',
    );
    await world().weft('h1', 'network', 'create', 'db', '--subnet', '10.2.0.0/16');
    for (const host of ['h1', 'h2'])
      await until(`${host} has them`, async () =>
        /app\ndb/.test(
          await docker(host, 'network', 'ls', '--filter', 'driver=weft', '--format', '{{.Name}}'),
        ),
      );
  });

  test('reach each other over the hosts, in both families, and are what Weft says', async () => {
    await Promise.all([run('h1', 'c1', '--network', 'app'), run('h2', 'c2', '--network', 'app')]);
    for (const [host, from, other, to] of [
      ['h1', 'c1', 'h2', 'c2'],
      ['h2', 'c2', 'h1', 'c1'],
    ] as const) {
      const there = await inspect(other, to);
      expect(await reaches(host, from, there.IPAddress)).toBe(true);
      expect(await reaches(host, from, there.GlobalIPv6Address)).toBe(true);
      await untilNamed(to);
      expect(await endpointOf(to)).toMatchObject({
        addresses: [there.IPAddress, there.GlobalIPv6Address],
        mac: there.MacAddress,
        containerId: await docker(other, 'inspect', '-f', '{{.Id}}', to),
        image: 'busybox',
      });
    }
    const network = await docker('h1', 'network', 'inspect', '-v', '-f', '{{json .Containers}}', 'app');
    expect(Object.values(JSON.parse(network))).toMatchObject([{ Name: 'c1' }]);
  });

  test('carry as much as the tunnel does, and leave nothing when they end', async () => {
    await Promise.all([run('h1', 'c1', '--network', 'app'), run('h2', 'c2', '--network', 'app')]);
    const { IPAddress } = await inspect('h2', 'c2');
    expect(await world().engine('h1').pings('c1', IPAddress, '-s', '1422')).toBe(true);
    expect(await inside('h1', 'c1', 'ip', 'link', 'show', 'eth0')).toContain('mtu 1450');
    await remove('h1', 'c1');
    await remove('h2', 'c2');
    await untilNone();
    for (const host of ['h1', 'h2'])
      await until(
        'no link is left',
        async () => !/wfe/.test(await world().engine(host).machine.exec('ip', '-br', 'link')),
      );
  });

  test('have the addresses and the MAC that they ask for, again after each start', async () => {
    const asked = ['--ip', '10.1.200.7', '--ip6', 'fd00:1::abc', '--mac-address', '02:11:22:33:44:55'];
    await run('h1', 'fixed', '--network', 'app', ...asked);
    await run('h2', 'other', '--network', 'app');
    for (let start = 0; start < 2; start++) {
      expect(await inspect('h1', 'fixed')).toMatchObject({
        IPAddress: '10.1.200.7',
        GlobalIPv6Address: 'fd00:1::abc',
        MacAddress: '02:11:22:33:44:55',
      });
      for (const address of ['10.1.200.7', 'fd00:1::abc'])
        expect(await reaches('h2', 'other', address)).toBe(true);
      await docker('h1', 'restart', '-t', '0', 'fixed');
    }
    expect(await refusalOf(run('h2', 'second', '--network', 'app', '--ip', '10.1.200.7'))).toContain(
      '10.1.200.7',
    );
    expect(await refusalOf(run('h1', 'third', '--network', 'app', '--ip', '10.1.200.7'))).toMatch(
      /--ip "10\.1\.200\.7": is (taken|held|given)/,
    );
    await docker('h2', 'rm', 'second');
    await docker('h1', 'rm', 'third');
    // On the other host, once it is free.
    await remove('h1', 'fixed');
    await until('it moves', async () => {
      await run('h2', 'fixed', '--network', 'app', '--ip', '10.1.200.7').catch(async (error) => {
        await docker('h2', 'rm', '-f', 'fixed');
        throw error;
      });
      return true;
    });
    await run('h1', 'asks', '--network', 'app');
    expect(await reaches('h1', 'asks', '10.1.200.7')).toBe(true);
  });

  test('that ask for what cannot be are refused, and nothing is left', async () => {
    const network = ['--network', 'app'];
    expect(await refusalOf(run('h1', 'bad', ...network, '--ip', '10.1.0.1'))).toContain('gateway');
    expect(await refusalOf(run('h1', 'bad2', ...network, '--ip', '10.1.255.255'))).toContain('broadcast');
    await run('h1', 'first', ...network, '--mac-address', '02:11:22:33:44:55');
    expect(await refusalOf(run('h2', 'bad3', ...network, '--mac-address', '02:11:22:33:44:55'))).toMatch(
      /--mac-address "02:11:22:33:44:55": is /,
    );
    await untilNamed('first');
    expect((await endpoints()).map(({ name }) => name)).toEqual(['first']);
    for (const host of ['h1', 'h2'])
      expect(await world().engine(host).machine.exec('ip', '-br', 'link')).not.toMatch(/^wfe/m);
  });

  test('are given every address of a subnet, and refused when it is full', async () => {
    await world().weft('h1', 'network', 'create', 'tiny', '--subnet', '10.4.0.0/29');
    for (const host of ['h1', 'h2'])
      await until('it is there', async () => (await docker(host, 'network', 'ls')).includes('tiny'));
    const network = ['--network', 'tiny'];
    // The gateway has one of six.
    for (let i = 0; i < 5; i++) await run(i % 2 === 0 ? 'h1' : 'h2', `t${i}`, ...network);
    const addresses = await Promise.all(
      [0, 1, 2, 3, 4].map(async (i) => (await inspect(i % 2 === 0 ? 'h1' : 'h2', `t${i}`, 'tiny')).IPAddress),
    );
    expect(addresses.sort()).toEqual([2, 3, 4, 5, 6].map((n) => `10.4.0.${n}`));
    for (const host of ['h1', 'h2']) {
      expect(await refusalOf(run(host, 'more', ...network))).toMatch(/10\.4\.0\.0\/29.* is full/);
      await docker(host, 'rm', 'more');
    }
    await until('they are known', async () => (await endpoints()).length === 5);
  });

  test('are connected and disconnected while they run, to several networks', async () => {
    await run('h1', 'c1');
    await run('h2', 'c2', '--network', 'db');
    await run('h2', 'c3', '--network', 'app');
    const [inDb, inApp] = [
      (await inspect('h2', 'c2', 'db')).IPAddress,
      (await inspect('h2', 'c3')).IPAddress,
    ];
    expect(await reaches('h1', 'c1', inDb)).toBe(false);
    await docker('h1', 'network', 'connect', '--ip', '10.1.9.9', 'app', 'c1');
    await docker('h1', 'network', 'connect', '--alias', 'front', 'db', 'c1');
    expect(await reaches('h1', 'c1', inDb)).toBe(true);
    expect(await reaches('h1', 'c1', inApp)).toBe(true);
    expect(await reaches('h2', 'c3', '10.1.9.9')).toBe(true);
    // The networks stay apart.
    expect(await reaches('h2', 'c3', inDb)).toBe(false);
    await until('its alias is known', async () =>
      (await endpoints()).some(({ name, aliases = [] }) => name === 'c1' && aliases.includes('front')),
    );
    await docker('h1', 'network', 'disconnect', 'db', 'c1');
    expect(await reaches('h1', 'c1', inDb)).toBe(false);
    expect(await reaches('h1', 'c1', inApp)).toBe(true);
    await docker('h1', 'network', 'connect', 'db', 'c1');
    expect(await reaches('h1', 'c1', inDb)).toBe(true);
  });

  test('share their network with another container', async () => {
    await run('h1', 'c1', '--network', 'app', '--ip', '10.1.8.8');
    await run('h2', 'c2', '--network', 'app');
    await run('h1', 'guest', '--network', 'container:c1');
    expect(await inside('h1', 'guest', 'ip', '-4', 'addr', 'show', 'eth0')).toContain('10.1.8.8');
    expect(await reaches('h1', 'guest', (await inspect('h2', 'c2')).IPAddress)).toBe(true);
  });

  test('come back by their restart policy', async () => {
    await run('h2', 'c2', '--network', 'app');
    await docker(
      'h1',
      'run',
      '-d',
      '--name',
      'c1',
      '--restart',
      'always',
      '--network',
      'app',
      '--ip',
      '10.1.8.8',
      'busybox',
      '/bin/busybox',
      'sleep',
      '2',
    );
    const starts = async () => Number(await docker('h1', 'inspect', '-f', '{{.RestartCount}}', 'c1'));
    await until('it was started again', async () => (await starts()) >= 2);
    await until('it is reached', () => reaches('h2', 'c2', '10.1.8.8'));
    expect((await endpoints()).filter(({ name }) => name === 'c1')).toHaveLength(1);
  });

  test('are known by their names', async () => {
    await run(
      'h1',
      'web1',
      '--network',
      'app',
      '--network-alias',
      'web',
      '--label',
      'com.docker.compose.service=front',
    );
    const short = (await docker('h1', 'inspect', '-f', '{{.Id}}', 'web1')).slice(0, 12);
    const aliases = async (name: string) => [...((await endpointOf(name))?.aliases ?? [])].sort();
    await until('its names are known', async () => (await aliases('web1')).includes('web'));
    expect(await aliases('web1')).toEqual([short, 'front', 'web'].sort());
    await docker('h1', 'rename', 'web1', 'web2');
    await until('its new name is known', async () => (await aliases('web2')).length > 0);
    expect((await endpoints()).map(({ name }) => name)).toEqual(['web2']);
  });

  test('publish ports and get out, but not where the network is internal', async () => {
    await world().weft('h1', 'network', 'create', 'closed', '--subnet', '10.3.0.0/16', '--internal');
    await until('it is there', async () => (await docker('h1', 'network', 'ls')).includes('closed'));
    const serve = [
      'busybox',
      '/bin/busybox',
      'nc',
      '-ll',
      '-p',
      '80',
      '-e',
      '/bin/busybox',
      'echo',
      'served',
    ];
    await docker('h1', 'run', '-d', '--name', 'open', '--network', 'app', '-p', '8080:80', ...serve);
    await docker('h1', 'run', '-d', '--name', 'shut', '--network', 'closed', '-p', '8081:80', ...serve);
    const [here, there] = [world().underlayOf('h1'), world().underlayOf('h2')];
    expect(await reaches('h1', 'open', there)).toBe(true);
    expect(await reaches('h1', 'shut', there)).toBe(false);
    await run('h2', 'client');
    const get = (port: number) =>
      inside('h2', 'client', 'timeout', '2', '/bin/busybox', 'nc', here, `${port}`);
    await until('it is served', async () => (await get(8080)) === 'served');
    expect(await get(8081).catch(() => '')).toBe('');
  });
});
