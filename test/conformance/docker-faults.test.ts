import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { until } from '../world/world.ts';
import { onEngines, refusalOf } from './on-engines.ts';

/** Who dies, hangs or is away, in whatever order; what Docker and Weft say of each other afterwards is the same. */
onEngines('faults', (world, version) => {
  const engine = (host: string) => world().engine(host);
  const docker = (host: string, ...words: string[]) => engine(host).docker(...words);
  const run = (host: string, name: string, ...flags: string[]) =>
    engine(host).run(name, '--network', 'app', ...flags);
  const reaches = (host: string, from: string, to: string) => engine(host).pings(from, to);
  const untilReaches = (host: string, from: string, to: string) =>
    until(`${from} reaches ${to}`, () => reaches(host, from, to));
  const endpoints = async () => (await world().records()).endpoints;
  const endpointOf = async (name: string) => (await endpoints()).find((endpoint) => endpoint.name === name);
  /** With all that Docker says of it, which is told behind its answers: the same in two looks, a second apart. */
  const untilTold = async (name: string) => {
    let last: Awaited<ReturnType<typeof endpointOf>>;
    const isSame = async () => {
      const before = last;
      last = await endpointOf(name);
      return last !== undefined && isDeepStrictEqual(last, before);
    };
    await until(`all is told of ${name}`, isSame, undefined, 1_000);
    return last;
  };
  const killAgent = (host: string) => world().agent(host).stop('SIGKILL');
  const startAgent = async (host: string) => {
    world().agent(host).start();
    await world().untilConnected(host);
  };

  const startController = async () => {
    world().controller.start();
    for (const host of ['h1', 'h2']) await world().untilConnected(host);
  };
  const addressOf = (host: string, name: string) =>
    docker(host, 'inspect', '-f', '{{.NetworkSettings.Networks.app.IPAddress}}', name);

  /** Endpoints of Docker's own listing of a network, with their addresses: what is to be in Weft, and nothing else. */
  async function inDocker(host: string): Promise<string[]> {
    const listed = JSON.parse(await docker(host, 'network', 'inspect', '-f', '{{json .Containers}}', 'app'));
    return Object.values(listed as Record<string, { Name: string; IPv4Address: string }>).map(
      ({ Name, IPv4Address }) => `${Name} ${IPv4Address.split('/')[0]}`,
    );
  }
  const untilAgreed = () =>
    until('Docker and Weft agree', async () => {
      const docker_ = (await Promise.all(['h1', 'h2'].map(inDocker))).flat().sort();
      const weft = (await endpoints()).map(({ name, addresses }) => `${name} ${addresses[0]}`).sort();
      expect(weft).toEqual(docker_);
      return true;
    });

  afterEach(async () => {
    if (!world().controller.isRunning) await startController();
    for (const host of ['h1', 'h2']) {
      const left = (await docker(host, 'ps', '-aq')).split('\n').filter(Boolean);
      if (left.length > 0) await docker(host, 'rm', '-f', ...left);
    }
    await untilAgreed();
    expect(await endpoints()).toEqual([]);
    for (const host of ['h1', 'h2']) {
      const links = () => engine(host).machine.exec('ip', '-br', 'link');
      await until(`no link is left on ${host}`, async () => !(await links()).includes('wfe'));
    }
  });

  test('the network is there', async () => {
    await world().weft('h1', 'network', 'create', 'app', '--subnet', '10.1.0.0/16');
    for (const host of ['h1', 'h2'])
      await until('it is there', async () => (await docker(host, 'network', 'ls')).includes(' app '));
  });

  test('an agent that is killed stops nothing, and knows everything again', async () => {
    await Promise.all([run('h1', 'c1', '--network-alias', 'one'), run('h2', 'c2', '--ip', '10.1.9.9')]);
    await untilReaches('h1', 'c1', '10.1.9.9');
    const before = await untilTold('c2');
    await killAgent('h2');
    expect(await reaches('h1', 'c1', '10.1.9.9')).toBe(true);
    await startAgent('h2');
    expect(await reaches('h1', 'c1', '10.1.9.9')).toBe(true);
    expect(await endpointOf('c2')).toEqual(before);
    await docker('h2', 'rename', 'c2', 'c3');
    await until('it hears of Docker again', async () => (await endpointOf('c3')) !== undefined);
    await untilAgreed();
  });

  test('what ends while no agent runs is gone when it is back', async () => {
    await run('h2', 'c2');
    await until('it is known', async () => (await endpointOf('c2')) !== undefined);
    await killAgent('h2');
    const ended = docker('h2', 'rm', '-f', 'c2').catch(() => undefined);
    await sleep(500);
    await startAgent('h2');
    await ended;
    await untilAgreed();
  });

  // The agent misses an endpoint for 20 seconds before it believes that: once is enough.
  if (version === '26.1')
    test('what Docker gave up telling of is found out', async () => {
      await world().weft('h1', 'network', 'create', 'gone', '--subnet', '10.6.0.0/16');
      const listed = () => docker('h2', 'network', 'ls', '--filter', 'driver=weft', '--format', '{{.Name}}');
      await until('it is there', async () => (await listed()) === 'app\ngone');
      await run('h2', 'c2');
      await until('it is known', async () => (await endpointOf('c2')) !== undefined);
      await killAgent('h2');
      // Where nobody listens, dockerd waits 15 seconds for each of five calls, to the same end.
      const socket = engine('h2').machine.inside('/run/docker/plugins/weft.sock');
      rmSync(socket);
      const broken = createServer((_, reply) => reply.writeHead(500).end()).listen(socket);
      await docker('h2', 'rm', '-f', 'c2');
      await docker('h2', 'network', 'rm', 'gone');
      broken.close();
      // As where the disk is slow: the networks are to be heard of anew, after Docker has told what it has.
      rmSync(engine('h2').machine.inside('/var/lib/weft/agent/view'), { force: true });
      await startAgent('h2');
      expect(await endpointOf('c2')).toBeDefined();
      await untilAgreed();
      // A user removed it: nobody makes it again.
      expect(await listed()).toBe('app');
      await world().weft('h1', 'network', 'rm', 'gone');
    });

  test('an engine that is killed takes its containers along, and brings back those that are to come back', async () => {
    await run('h1', 'c1');
    await run('h2', 'once');
    await run('h2', 'always', '--restart', 'always', '--ip', '10.1.9.9');
    await untilReaches('h1', 'c1', '10.1.9.9');
    await engine('h2').stopEngine('SIGKILL');
    await engine('h2').startEngine();
    await untilReaches('h1', 'c1', '10.1.9.9');
    await untilAgreed();
    expect(await endpointOf('once')).toBeUndefined();
  });

  test('an engine that dies while it makes a network makes it when it is back', async () => {
    const make = () => {
      const driver = ['-d', 'weft', '--ipam-driver', 'weft', '--subnet', '10.9.0.0/16'];
      return docker('h2', 'network', 'create', ...driver, 'torn');
    };
    world().controller.freeze();
    const torn = make().catch(() => 'torn');
    await sleep(1_000);
    await engine('h2').stopEngine('SIGKILL');
    world().controller.thaw();
    expect(await torn).toBe('torn');
    await engine('h2').startEngine();
    await until('it is made', make);
    await until('h1 has it', () => docker('h1', 'network', 'inspect', 'torn'));
    await world().weft('h1', 'network', 'rm', 'torn');
  });

  test('with live-restore, its containers go on without it', async () => {
    const { flags } = engine('h2');
    engine('h2').flags = [...flags, '--live-restore'];
    await engine('h2').stopEngine('SIGTERM');
    await engine('h2').startEngine();
    await Promise.all([run('h1', 'c1'), run('h2', 'c2', '--ip', '10.1.9.9')]);
    await untilReaches('h1', 'c1', '10.1.9.9');
    const before = await untilTold('c2');
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await engine('h2').stopEngine(signal);
      expect(await reaches('h1', 'c1', '10.1.9.9')).toBe(true);
      // Neither of the two that make it what it is knows of the other's end.
      await killAgent('h2');
      await startAgent('h2');
      await engine('h2').startEngine();
      expect(await reaches('h1', 'c1', '10.1.9.9')).toBe(true);
      expect(await endpointOf('c2')).toEqual(before);
    }
    await docker('h2', 'network', 'disconnect', 'app', 'c2');
    await untilAgreed();
    await docker('h2', 'network', 'connect', 'app', 'c2');
    await untilAgreed();
    engine('h2').flags = flags;
    await docker('h2', 'rm', '-f', 'c2');
    await engine('h2').stopEngine('SIGTERM');
    await engine('h2').startEngine();
  });

  test('an engine that leaves its swarm leaves its containers where they are', async () => {
    await Promise.all([run('h1', 'c1'), run('h2', 'c2')]);
    await untilReaches('h1', 'c1', 'c2');
    await docker('h1', 'swarm', 'init', '--advertise-addr', world().underlayOf('h1'));
    await run('h1', 'c3');
    await docker('h1', 'swarm', 'leave', '--force');
    for (const name of ['c1', 'c3']) expect(await reaches('h1', name, 'c2')).toBe(true);
    expect(await reaches('h1', 'c1', world().underlayOf('h2'))).toBe(true);
    await untilAgreed();
  });

  test('with the controller away, containers come and go; other hosts hear of them when it is back', async () => {
    await Promise.all([run('h1', 'c1', '--ip', '10.1.9.9'), run('h2', 'c2')]);
    await untilReaches('h2', 'c2', '10.1.9.9');
    await world().controller.stop('SIGKILL');
    await run('h2', 'c3');
    await untilReaches('h2', 'c2', await addressOf('h2', 'c3'));
    expect(await reaches('h2', 'c2', '10.1.9.9')).toBe(true);
    // Its address is in no block of its host's.
    await docker('h1', 'restart', '-t', '0', 'c1');
    await untilReaches('h2', 'c2', '10.1.9.9');
    await docker('h2', 'rm', '-f', 'c2');
    await docker('h2', 'restart', '-t', '0', 'c3');
    // What has to wait is said in words of who asked.
    expect(await refusalOf(run('h2', 'c4', '--ip', '10.1.200.200'))).toContain('network "app": needs the');
    const create = ['network', 'create', '-d', 'weft', '--ipam-driver', 'weft', 'late'];
    expect(await refusalOf(docker('h2', ...create))).toContain('network "a new one": needs the');
    await startController();
    await untilReaches('h2', 'c3', '10.1.9.9');
    await untilAgreed();
  });

  test('an agent that hangs does not hang its engine, and answers when it goes on', async () => {
    await run('h2', 'c1');
    world().agent('h2').freeze();
    const late = run('h2', 'late');
    await sleep(300);
    expect(await docker('h2', 'ps', '--format', '{{.Names}}')).toBe('c1');
    await engine('h2').run('other');
    await docker('h2', 'exec', 'c1', '/bin/busybox', 'true');
    world().agent('h2').thaw();
    await late;
    await docker('h2', 'rm', '-f', 'other');
    await untilAgreed();
  });

  test('an engine that starts before its agent does so all the same, and finds it later', async () => {
    await run('h2', 'always', '--restart', 'always', '--ip', '10.1.9.9');
    await run('h1', 'c1');
    await engine('h2').stopEngine('SIGKILL');
    await world().agent('h2').stop('SIGTERM');
    const started = engine('h2').startEngine();
    await sleep(2_000);
    await startAgent('h2');
    await started;
    await untilReaches('h1', 'c1', '10.1.9.9');
    await untilAgreed();
  });

  test('a host that boots anew has its networks and containers again', async () => {
    await run('h1', 'c1');
    await run('h2', 'always', '--restart', 'always', '--ip', '10.1.9.9');
    await run('h2', 'once');
    await untilReaches('h1', 'c1', '10.1.9.9');
    await world().reboot('h2');
    await untilReaches('h1', 'c1', '10.1.9.9');
    await untilAgreed();
    await docker('h2', 'start', 'once');
    await untilAgreed();
  });

  test('hosts that boot anew at once have their containers again, with Weft’s gateway as their way out', async () => {
    const driver = ['-d', 'weft', '--ipam-driver', 'weft', '--subnet', '10.7.0.0/24'];
    await docker('h1', 'network', 'create', ...driver, '-o', 'weft.gateway=anycast', 'out');
    await until('h2 has it', () => docker('h2', 'network', 'inspect', 'out'));
    const stays = (host: string, name: string, ip: string) =>
      engine(host).run(name, '--network', 'out', '--ip', ip, '--restart', 'always');
    await Promise.all([stays('h1', 'c1', '10.7.0.101'), stays('h2', 'c2', '10.7.0.102')]);
    const asTheyAre = async () => {
      for (const [host, name, other, there] of [
        ['h1', 'c1', 'c2', 'h2'],
        ['h2', 'c2', 'c1', 'h1'],
      ] as const) {
        await untilReaches(host, name, other);
        await untilReaches(host, name, world().underlayOf(there));
        const links = await docker(host, 'exec', name, '/bin/busybox', 'ip', '-o', 'link');
        expect(links.match(/(?<=^\d+: )eth\d/gm)).toEqual(['eth0']);
      }
    };
    await asTheyAre();
    await Promise.all([world().reboot('h1'), world().reboot('h2')]);
    await asTheyAre();
    await docker('h1', 'rm', '-f', 'c1');
    await docker('h2', 'rm', '-f', 'c2');
    await until('nobody is in it', async () => (await endpoints()).length === 0);
    await world().weft('h1', 'network', 'rm', 'out');
  });
});
