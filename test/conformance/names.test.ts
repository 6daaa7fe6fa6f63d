import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '#lab/until.ts';
import { buildIfStale, PROGRAM } from '../cluster/lab-cli.ts';
import { absenceOf, ENGINES, fetchDocker } from '../world/docker-engine.ts';
import { interfaceOf } from '../world/docker-kernel.ts';
import { DockerWorld } from '../world/docker-world.ts';

fetchDocker();

/** Containers of real engines on two hosts find each other through the resolver that Docker gave them. */
describe.sequential.each(ENGINES)('Docker %s', (version) => {
  const absence = absenceOf(version);
  if (absence) return test.skip(absence);
  let world: DockerWorld;

  beforeAll(async () => {
    buildIfStale();
    world = new DockerWorld({ program: PROGRAM, version });
    await world.startAll();
    const subnets = ['--subnet', '10.1.0.0/24', '--subnet', 'fd00:1::/64'];
    await world.weft('h1', 'network', 'create', 'app', ...subnets);
    for (const host of ['h1', 'h2'])
      await until(`${host} has the network`, async () =>
        (await world.engine(host).docker('network', 'ls', '--format', '{{.Name}}'))
          .split('\n')
          .includes('app'),
      );
    await world.engine('h1').run('web', '--network', 'app', '--network-alias', 'front');
    await world.engine('h2').run('db', '--network', 'app');
  });
  afterAll(() => world?.remove());

  const docker = (host: string, ...words: string[]) =>
    world
      .engine(host)
      .docker(...words)
      .catch((error: Error) => error.message);
  const lookUp = (host: string, container: string, name: string) =>
    docker(host, 'exec', container, '/bin/busybox', 'nslookup', name);
  const addressOf = (host: string, container: string, network = 'app') =>
    world
      .engine(host)
      .docker('inspect', '-f', `{{.NetworkSettings.Networks.${network}.IPAddress}}`, container);

  test('by name and by alias, on the other host and on their own', async () => {
    const web = await addressOf('h1', 'web');
    const db = await addressOf('h2', 'db');
    await until('web is found', async () => (await lookUp('h2', 'db', 'web')).includes(web));
    await until('db is found', async () => (await lookUp('h1', 'web', 'db')).includes(db));
    expect(await lookUp('h2', 'db', 'front')).toContain(web);
    expect(await lookUp('h1', 'web', 'front')).toContain(web);
    expect(await lookUp('h1', 'web', 'db.app.weft.internal')).toContain(db);
    const { ip6 } = await interfaceOf(world, 'h2', 'db', 'app');
    expect(await lookUp('h1', 'web', 'db')).toContain(ip6);
    for (const address of [db, ip6])
      expect(await lookUp('h1', 'web', address)).toContain('db.app.weft.internal');
  });

  test('as the first thing that a container does', async () => {
    for (let i = 0; i < 5; i++) {
      const said = await docker(
        'h2',
        'run',
        '--rm',
        '--network',
        'app',
        'busybox',
        ...['/bin/busybox', 'sh', '-c'],
        // Engines lose what is said in a container's last moment now and then.
        '/bin/busybox nslookup web && /bin/busybox sleep 1',
      );
      expect(said).toContain(await addressOf('h1', 'web'));
    }
  });

  test('from one that is connected while it runs, also when it has asked before', async () => {
    const web = await addressOf('h1', 'web');
    const engine = world.engine('h2');
    await engine.docker('network', 'create', 'before');
    await engine.run('moved', '--network', 'before');
    await engine.run('plain');
    // It waits for a server of the outside, which is not there.
    expect(await lookUp('h2', 'moved', 'web')).not.toContain(web);
    for (const name of ['moved', 'plain']) {
      await engine.docker('network', 'connect', 'app', name);
      await until(`${name} finds web`, async () => (await lookUp('h2', name, 'web')).includes(web));
    }
  });

  test('what Docker itself knows is found as before', async () => {
    await world.engine('h1').docker('network', 'create', 'local');
    await world.engine('h1').docker('network', 'connect', 'local', 'web');
    await world.engine('h1').run('neighbour', '--network', 'local');
    expect(await lookUp('h1', 'web', 'neighbour')).toContain(await addressOf('h1', 'neighbour', 'local'));
  });

  test('a container is gone by name within a second of its end', async () => {
    await world.engine('h2').run('brief', '--network', 'app');
    const address = await addressOf('h2', 'brief');
    await until('it is found', async () => (await lookUp('h1', 'web', 'brief')).includes(address));
    await world.engine('h2').docker('rm', '-f', 'brief');
    await until(
      'it is not found',
      async () => !(await lookUp('h1', 'web', 'brief.app.weft.internal')).includes(address),
      1_000,
    );
  });

  test('with the agent killed, and in an engine that starts anew', async () => {
    const web = await addressOf('h1', 'web');
    await world.agent('h2').stop('SIGKILL');
    expect(await lookUp('h2', 'db', 'web')).toContain(web);
    world.agent('h2').start();
    await world.untilConnected('h2');
    await world.engine('h2').docker('restart', '-t', '0', 'db');
    await until('web is found', async () => (await lookUp('h2', 'db', 'web')).includes(web));
  });
});
