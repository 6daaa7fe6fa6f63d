import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildIfStale, PROGRAM, ROOT } from '../cluster/lab-cli.ts';
import { type EngineVersion, fetchDocker } from '../world/docker-engine.ts';
import { DockerWorld } from '../world/docker-world.ts';
import { until } from '../world/world.ts';

fetchDocker();

const HOSTS = ['h1', 'h2'] as const;
const VERSION = (process.env.DOCKER_VERSION ?? '26.1') as EngineVersion;

/** Which engine it is makes no difference that was seen: DOCKER_VERSION=20.10 runs it on the oldest. */
describe.sequential(`Weft as a managed plugin, Docker ${VERSION}`, () => {
  let world: DockerWorld;
  const plugin = () => path.join(world.directory, 'plugin');
  const onBoth = <T>(work: (host: (typeof HOSTS)[number]) => Promise<T>) => Promise.all(HOSTS.map(work));
  const docker = (host: string, ...words: string[]) => world.engine(host).docker(...words);
  const pings = (host: string, container: string, whom: string) => world.engine(host).pings(container, whom);
  const untilBothPing = () =>
    onBoth((host) => {
      const [own, other] = host === 'h1' ? ['c1', 'c2'] : ['c2', 'c1'];
      return until(`${own} reaches ${other} by name`, () => pings(host, own!, other!));
    });

  beforeAll(async () => {
    buildIfStale();
    world = new DockerWorld({ program: PROGRAM, version: VERSION });
    world.controller.start();
    execFileSync(path.join(ROOT, 'tools/build-plugin.sh'), [plugin()]);
    await onBoth(async (host) => {
      const { machine } = world.engine(host);
      await world.engine(host).start();
      // The controller's socket, where a container sees it.
      await machine.exec('mkdir', '/run/controller');
      await machine.exec('mount', '--bind', world.directory, '/run/controller');
      await docker(host, 'plugin', 'create', 'weft', plugin());
    });
  });
  afterAll(() => world?.remove());
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.error(world.logs());
  });

  test('is set and enabled, and has every network', async () => {
    await onBoth(async (host) => {
      const controller = `WEFT_CONTROLLER=unix:///host/run/controller/${host}.sock`;
      await docker(host, 'plugin', 'set', 'weft', controller, `WEFT_NAME=${host}`, 'WEFT_UNDERLAY=eth0');
      await docker(host, 'plugin', 'enable', 'weft');
      await world.untilConnected(host);
    });
    await docker('h1', 'network', 'create', '-d', 'weft:latest', '--ipam-driver', 'weft:latest', 'app');
    await until('h2 has it', () => docker('h2', 'network', 'inspect', 'app'));
    expect(await docker('h2', 'network', 'inspect', '-f', '{{.Driver}} {{.IPAM.Driver}}', 'app')).toBe(
      'weft:latest weft:latest',
    );
  });

  test('containers of two hosts reach each other by name', async () => {
    await onBoth((host) =>
      world.engine(host).run(host.replace('h', 'c'), '--network', 'app', '--restart', 'always'),
    );
    await untilBothPing();
    // As `ip netns` sees them, on the host.
    expect(await world.engine('h1').machine.exec('ls', '/run/netns')).toMatch(/^weft-/);
  });

  test('disabled, containers go on, and ask Docker; enabled again, it is as before', async () => {
    const address = await docker('h2', 'inspect', '-f', '{{.NetworkSettings.Networks.app.IPAddress}}', 'c2');
    await docker('h1', 'plugin', 'disable', '-f', 'weft');
    expect(await pings('h1', 'c1', address)).toBe(true);
    expect(await pings('h1', 'c1', 'c1')).toBe(true);
    await docker('h1', 'plugin', 'enable', 'weft');
    await untilBothPing();
    await world.engine('h1').run('c3', '--network', 'app');
    await until('c3 reaches c2', () => pings('h1', 'c3', 'c2'));
    await docker('h1', 'rm', '-f', 'c3');
  });

  test('killed, it is started again by Docker', async () => {
    const { machine } = world.engine('h1');
    const isIt = 'grep -q [d]ist/plugin.js $at/cmdline 2>/dev/null';
    const script = `for at in /proc/[0-9]*; do if ${isIt}; then kill -9 \${at#/proc/}; fi; done`;
    await machine.exec('sh', '-c', script);
    await until('c1 finds c2 by a name of Weft', () => pings('h1', 'c1', 'c2.app'));
    await world.untilConnected('h1');
  });

  test('engines that are started again, one of them killed, bring it and the containers back', async () => {
    await onBoth(async (host) => {
      await world.engine(host).stopEngine(host === 'h1' ? 'SIGTERM' : 'SIGKILL');
      await world.engine(host).startEngine();
    });
    await untilBothPing();
    expect((await world.records()).endpoints).toHaveLength(2);
  });

  test('what was removed leaves nothing', async () => {
    await onBoth((host) => docker(host, 'rm', '-f', host.replace('h', 'c')));
    await world.weft('h1', 'network', 'rm', 'app');
    await onBoth((host) =>
      until(
        `${host} lets go`,
        async () => (await world.engine(host).machine.exec('ls', '/run/netns')) === '',
      ),
    );
    await until('no copy is left', async () => !(await docker('h1', 'network', 'ls')).includes('weft'));
    await docker('h1', 'plugin', 'rm', '-f', 'weft');
  });
});
