import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { openFrameSender } from '#netlink/packet-socket.ts';
import { SERVE } from '../world/docker-engine.ts';
import { type ForgedFrame, forgedFrames, type Party } from '../world/forged-frames.ts';
import { eth0Of, listenAt } from '../world/frame-ears.ts';
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
  /** A host is told of another's container behind Docker's answer. */
  const untilReaches = (host: string, from: string, to: string) =>
    until(`${from} reaches ${to}`, () => reaches(host, from, to));
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
      await untilReaches(host, from, there.IPAddress);
      await untilReaches(host, from, there.GlobalIPv6Address);
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
    await untilReaches('h1', 'c1', IPAddress);
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
      for (const address of ['10.1.200.7', 'fd00:1::abc']) await untilReaches('h2', 'other', address);
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
    await untilReaches('h1', 'asks', '10.1.200.7');
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
    await untilReaches('h1', 'c1', inDb);
    await untilReaches('h1', 'c1', inApp);
    await untilReaches('h2', 'c3', '10.1.9.9');
    // The networks stay apart.
    expect(await reaches('h2', 'c3', inDb)).toBe(false);
    await until('its alias is known', async () =>
      (await endpoints()).some(({ name, aliases = [] }) => name === 'c1' && aliases.includes('front')),
    );
    await docker('h1', 'network', 'disconnect', 'db', 'c1');
    expect(await reaches('h1', 'c1', inDb)).toBe(false);
    expect(await reaches('h1', 'c1', inApp)).toBe(true);
    await docker('h1', 'network', 'connect', 'db', 'c1');
    await untilReaches('h1', 'c1', inDb);
  });

  test('may have IPv6 turned off, and nobody gives it to them again and again', async () => {
    await run('h1', 'c1', '--network', 'app', '--sysctl', 'net.ipv6.conf.all.disable_ipv6=1');
    await untilNamed('c1');
    // Its interface is found, and looked at.
    await sleep(2_000);
    await until('all is as it should be', async () => {
      const { status } = await world().status('h1');
      return (
        status?.appliedRevision === status?.headRevision && !status?.drift?.length && !status?.failing?.length
      );
    });
  });

  test('share their network with another container', async () => {
    await run('h1', 'c1', '--network', 'app', '--ip', '10.1.8.8');
    await run('h2', 'c2', '--network', 'app');
    await run('h1', 'guest', '--network', 'container:c1');
    expect(await inside('h1', 'guest', 'ip', '-4', 'addr', 'show', 'eth0')).toContain('10.1.8.8');
    const there = (await inspect('h2', 'c2')).IPAddress;
    await untilReaches('h1', 'guest', there);
    // As in every network of Docker's: the guest is where the container was, until it is started again, too.
    await docker('h1', 'restart', '-t', '0', 'c1');
    await untilReaches('h2', 'c2', '10.1.8.8');
    expect(await inside('h1', 'guest', 'ip', '-o', 'link')).not.toContain('eth0');
    await docker('h1', 'restart', '-t', '0', 'guest');
    expect(await inside('h1', 'guest', 'ip', '-4', 'addr', 'show', 'eth0')).toContain('10.1.8.8');
    await untilReaches('h1', 'guest', there);
    await until('both are known', async () => {
      expect((await endpoints()).map(({ name }) => name).sort()).toEqual(['c1', 'c2']);
      return true;
    });
  });

  test('that forge MACs, addresses, ARP, neighbours, routers and DHCP are not heard, and it is counted', async () => {
    await Promise.all([run('h1', 'c1', '--network', 'app'), run('h2', 'c2', '--network', 'app')]);
    const partyOf = async (host: string, name: string): Promise<Party> => {
      const { MacAddress, IPAddress, GlobalIPv6Address } = await inspect(host, name);
      return { mac: MacAddress, ipv4: IPAddress, ipv6: GlobalIPv6Address };
    };
    const sandboxOf = async (host: string, name: string) => {
      const key = await docker(host, 'inspect', '-f', '{{.NetworkSettings.SandboxKey}}', name);
      // Docker names it below /var/run, which here leads to this machine's own.
      return world()
        .engine(host)
        .machine.inside(key.replace(/^\/var/, ''));
    };
    const victim = await partyOf('h2', 'c2');
    const other = { mac: '02:de:ad:00:00:01', ipv4: '10.1.77.77', ipv6: 'fd00:1::77' };
    const frames = forgedFrames(await partyOf('h1', 'c1'), victim, other);
    const ears = listenAt(await sandboxOf('h2', 'c2'));
    const sender = openFrameSender(...eth0Of(await sandboxOf('h1', 'c1')));
    for (const { frame } of frames) sender.send(frame);
    sender.close();
    for (const address of [victim.ipv4, victim.ipv6]) await untilReaches('h1', 'c1', address);
    const came = frames.filter(({ frame }: ForgedFrame) => ears.hasHeard(frame.subarray(6, 42)));
    ears.close();
    expect(came.map(({ name }) => name)).toEqual([]);
    await untilNamed('c1');
    const expected: Record<string, number> = {};
    for (const { kind } of frames) expected[kind] = (expected[kind] ?? 0) + 1;
    await until('they are counted', async () => {
      const [{ refused }] = JSON.parse(await world().weft('h1', 'endpoint', 'inspect', 'c1', '--json'));
      const counted = refused.map(({ kind, count }: Record<string, string>) => [kind, Number(count)]);
      expect(Object.fromEntries(counted)).toEqual(expected);
      return true;
    });
  });

  test('reach a host that is exposed in their network, and through it others reach them, until it is hidden', async () => {
    await Promise.all([run('h1', 'c1', '--network', 'app'), run('h2', 'c2', '--network', 'app')]);
    const inApp = await Promise.all([inspect('h1', 'c1'), inspect('h2', 'c2')]);
    const addresses = inApp.flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address]);
    const hostPings = (host: string, address: string) =>
      world()
        .engine(host)
        .machine.exec('ping', '-c1', '-W1', address)
        .then(
          () => true,
          () => false,
        );
    // h2 knows the network as its engine's only: as a machine it goes by h1.
    const h2 = world().engine('h2').machine;
    const route = (verb: string) =>
      Promise.all([
        h2.exec('ip', 'route', verb, '10.1.0.0/16', 'via', world().underlayOf('h1')),
        h2.exec('ip', '-6', 'route', verb, 'fd00:1::/64', 'via', 'fd99::1'),
      ]);
    await route('add');
    expect(await world().weft('h1', 'expose', 'app')).toContain('network app is exposed on host h1');
    for (const host of ['h1', 'h2'])
      for (const address of addresses)
        await until(`${host} reaches ${address}`, () => hostPings(host, address));
    const [own] = (await endpoints()).filter(({ runtime }) => runtime === 'host');
    for (const address of own!.addresses) {
      await untilReaches('h1', 'c1', address);
      await untilReaches('h2', 'c2', address);
    }
    await until('it has a name', () => reaches('h2', 'c2', 'h1'));
    await world().weft('h1', 'hide', 'app');
    for (const host of ['h1', 'h2'])
      for (const address of addresses) expect(await hostPings(host, address)).toBe(false);
    expect(await world().engine('h1').machine.exec('ip', '-br', 'link')).not.toContain('wfh');
    await until('both are known', async () => {
      expect((await endpoints()).map(({ name }) => name).sort()).toEqual(['c1', 'c2']);
      return true;
    });
    await route('del');
  });

  test('leave by Weft’s gateway where the network says so, and are published by Weft', async () => {
    const driver = ['-d', 'weft', '--ipam-driver', 'weft', '--subnet', '10.8.0.0/24'];
    await docker('h1', 'network', 'create', ...driver, '-o', 'weft.gateway=anycast', 'out');
    await docker('h1', 'run', '-d', '--name', 'served', '--network', 'out', ...SERVE);
    expect(await reaches('h1', 'served', world().underlayOf('h2'))).toBe(true);
    expect(await inside('h1', 'served', 'ip', '-o', 'link')).not.toContain('eth1');
    await untilNamed('served');
    await world().weft('h1', 'publish', 'served', '8082:80');
    await run('h2', 'client');
    const get = () =>
      inside('h2', 'client', 'timeout', '2', '/bin/busybox', 'nc', world().underlayOf('h1'), '8082');
    await until('it is served', async () => (await get()) === 'served');
    await world().weft('h1', 'unpublish', 'served', '8082:80');
    await until('it is no more', async () => (await get().catch(() => '')) === '');
    await remove('h1', 'served');
    // Where Docker is to publish ports, it does, and is the way out: of one that comes from another network, too.
    await docker('h1', 'run', '-d', '--name', 'served', '--network', 'out', '-p', '8082:80', ...SERVE);
    await until('it is served by Docker', async () => (await get()) === 'served');
    expect(await reaches('h1', 'served', world().underlayOf('h2'))).toBe(true);
    await remove('h1', 'served');
    await docker('h1', 'network', 'create', 'zlocal');
    await docker('h1', 'run', '-d', '--name', 'served', '--network', 'zlocal', '-p', '8082:80', ...SERVE);
    await docker('h1', 'network', 'connect', 'out', 'served');
    await docker('h1', 'restart', '-t', '0', 'served');
    await until('it is still', async () => (await get()) === 'served');
    expect(await reaches('h1', 'served', world().underlayOf('h2'))).toBe(true);
    await remove('h1', 'served');
    await docker('h1', 'network', 'rm', 'zlocal');
    await untilNone();
    await world().weft('h1', 'network', 'rm', 'out');
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
    // It comes and goes, and its name is told behind its address.
    await until('its endpoint is one', async () => {
      expect((await endpoints()).filter(({ name }) => name === 'c1')).toHaveLength(1);
      return true;
    });
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
    await docker('h1', 'run', '-d', '--name', 'open', '--network', 'app', '-p', '8080:80', ...SERVE);
    await docker('h1', 'run', '-d', '--name', 'shut', '--network', 'closed', '-p', '8081:80', ...SERVE);
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
