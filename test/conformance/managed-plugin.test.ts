import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildIfStale, PROGRAM, ROOT } from '../cluster/lab-cli.ts';
import { type EngineVersion, fetchDocker, registryProgram } from '../world/docker-engine.ts';
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

  /** In a shell of that host, for each process of the plugin: `$at` is where /proc has it. */
  const ofPlugin = (host: string, command: string) => {
    const isIt = 'grep -q [d]ist/plugin.js $at/cmdline 2>/dev/null';
    const script = `for at in /proc/[0-9]*; do if ${isIt}; then ${command}; fi; done`;
    return world.engine(host).machine.exec('sh', '-c', script);
  };

  const REGISTRY = '10.99.0.1:5000';
  /** A registry on h1, as Docker's users have one. */
  const startRegistry = async () => {
    const storage = { filesystem: { rootdirectory: path.join(world.directory, 'registry') } };
    const config = path.join(world.directory, 'registry.yml');
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({ version: 0.1, storage, http: { addr: REGISTRY } }));
    const registry = world.engine('h1').machine.daemon('registry', () => [registryProgram, 'serve', config]);
    registry.start();
    await until('the registry listens', async () => registry.said().includes('listening on'));
  };
  const PUBLISHED = `${REGISTRY}/weft`;
  const push = async () => {
    await docker('h1', 'plugin', 'create', PUBLISHED, plugin());
    await docker('h1', 'plugin', 'push', PUBLISHED);
    await docker('h1', 'plugin', 'rm', PUBLISHED);
  };

  beforeAll(async () => {
    buildIfStale();
    const flags = ['--insecure-registry', REGISTRY];
    world = new DockerWorld({ program: PROGRAM, version: VERSION, flags });
    world.controller.start();
    execFileSync(path.join(ROOT, 'tools/build-plugin.sh'), [plugin()]);
    await onBoth(async (host) => {
      const { machine } = world.engine(host);
      await world.engine(host).start();
      // The controller's socket, where a container sees it.
      await machine.exec('mkdir', '/run/controller');
      await machine.exec('mount', '--bind', world.directory, '/run/controller');
    });
    await startRegistry();
    await push();
    await docker('h1', 'plugin', 'create', 'weft', plugin());
  });
  afterAll(() => world?.remove());
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.error(world.logs());
  });

  test('is made, set and enabled, or installed from a registry, and has every network', async () => {
    const settings = (host: string) => [
      `WEFT_CONTROLLER=unix:///host/run/controller/${host}.sock`,
      `WEFT_NAME=${host}`,
      'WEFT_UNDERLAY=eth0',
    ];
    await docker('h1', 'plugin', 'set', 'weft', ...settings('h1'));
    await docker('h1', 'plugin', 'enable', 'weft');
    const install = ['plugin', 'install', '--grant-all-permissions', '--alias', 'weft'];
    await docker('h2', ...install, PUBLISHED, ...settings('h2'));
    await onBoth((host) => world.untilConnected(host));
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

  test('upgraded from the registry, it has its settings and its containers', async () => {
    const c2 = async () => (await world.records()).endpoints.find(({ name }) => name === 'c2')!;
    const inside = () => docker('h2', 'exec', 'c2', '/bin/busybox', 'ip', '-o', 'address', 'show', 'eth0');
    const before = [await c2(), await inside()];
    const [address] = (await c2()).addresses;
    writeFileSync(path.join(plugin(), 'rootfs/opt/weft/newer'), '');
    await push();
    await docker('h2', 'plugin', 'disable', '-f', 'weft');
    await docker('h2', 'plugin', 'upgrade', '--grant-all-permissions', 'weft');
    expect(await pings('h1', 'c1', address!)).toBe(true);
    await docker('h2', 'plugin', 'enable', 'weft');
    await world.untilConnected('h2');
    expect(await ofPlugin('h2', 'ls $at/root/opt/weft')).toContain('newer');
    await untilBothPing();
    expect([await c2(), await inside()]).toEqual(before);
  });

  test('killed, it is started again by Docker', async () => {
    await ofPlugin('h1', 'kill -9 $(basename $at)');
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
    await onBoth((host) => docker(host, 'plugin', 'rm', '-f', 'weft'));
  });
});
