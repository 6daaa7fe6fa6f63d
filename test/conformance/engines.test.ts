import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildIfStale, PROGRAM } from '../cluster/lab-cli.ts';
import { compose } from '../world/compose.ts';
import { fetchDocker } from '../world/docker-engine.ts';
import { DockerWorld } from '../world/docker-world.ts';

fetchDocker();

/**
 * The stage itself: an engine and an agent that are on one host, and a host that is a machine of its own. None of that
 * depends on which engine it is.
 */
describe('The stage', () => {
  let world: DockerWorld;

  beforeAll(async () => {
    buildIfStale();
    world = new DockerWorld({ program: PROGRAM, version: '26.1' });
    await world.startAll();
  });
  afterAll(() => world?.remove());

  test('engine and agent see the same files, and no other host’s', async () => {
    const { machine } = world.engine('h1');
    await machine.exec('touch', '/run/docker/plugins/here', '/etc/docker-here');
    expect(await machine.exec('ls', '/run/docker/plugins')).toContain('here');
    await machine.exec('rm', '/run/docker/plugins/here');
    expect(await world.engine('h2').machine.exec('ls', '/run/docker/plugins')).not.toContain('here');
    expect(existsSync('/etc/docker-here')).toBe(false);
    expect(await machine.exec('stat', '-fc', '%T', '/run/weft/agent.sock', '/run/docker.sock')).toBe(
      'tmpfs\ntmpfs',
    );
    expect(JSON.parse(await world.weft('h1', 'host', 'ls', '--json'))).toHaveLength(2);
  });

  test('engine and agent are killed alone', async () => {
    const engine = world.engine('h1');
    await engine.run('c1');
    await world.agent('h1').stop('SIGKILL');
    expect(await engine.docker('ps', '-q')).not.toBe('');
    world.agent('h1').start();
    await world.untilConnected('h1');
    engine.flags = ['--live-restore'];
    await engine.stopEngine('SIGTERM');
    expect((await world.status('h1')).connected).toBe(true);
    await engine.startEngine();
    const started = () => engine.docker('inspect', '-f', '{{.State.StartedAt}}', 'c1');
    await engine.docker('restart', '-t', '0', 'c1');
    const before = await started();
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await engine.stopEngine(signal);
      await engine.startEngine();
      expect(await started()).toBe(before);
      expect(await engine.docker('ps', '-q')).not.toBe('');
    }
    engine.flags = [];
  });

  test('one that hangs goes on', async () => {
    world.agent('h1').freeze();
    await expect(
      Promise.race([world.status('h1'), new Promise((_, no) => setTimeout(no, 500, new Error('it hangs')))]),
    ).rejects.toThrow('it hangs');
    world.agent('h1').thaw();
    await world.untilConnected('h1');
    world.agent('h1').freeze();
    await world.agent('h1').stop('SIGKILL');
    world.agent('h1').start();
    await world.untilConnected('h1');
  });

  test('a host that boots anew has its files, and nothing else', async () => {
    const { machine } = world.engine('h1');
    const bootId = () => machine.exec('cat', '/proc/sys/kernel/random/boot_id');
    const before = await bootId();
    await machine.exec('touch', '/run/gone', '/etc/kept');
    await machine.exec('ip', 'link', 'add', 'gone', 'type', 'bridge');
    await world.reboot('h1');
    expect(await bootId()).not.toBe(before);
    expect(await machine.exec('sh', '-c', 'ls /run/gone /etc/kept 2>/dev/null; true')).toBe('/etc/kept');
    expect(await machine.exec('ip', '-br', 'link')).not.toContain('gone');
    expect(await world.engine('h1').docker('ps', '-aq')).not.toBe('');
    expect(JSON.parse(await world.weft('h1', 'host', 'ls', '--json'))).toHaveLength(2);
  });

  test('a host that is cut off reaches nobody', async () => {
    const { machine } = world.engine('h1');
    const reaches = () =>
      machine.exec('ping', '-c1', '-W1', world.underlayOf('h2')).then(
        () => true,
        () => false,
      );
    expect(await reaches()).toBe(true);
    world.cutOff('h1');
    expect(await reaches()).toBe(false);
    await expect
      .poll(async () => (await world.status('h1')).connected ?? false, { timeout: 30_000 })
      .toBe(false);
    await world.join('h1');
    expect(await reaches()).toBe(true);
  });

  test('Compose speaks with it', async () => {
    const project = path.join(world.directory, 'project');
    mkdirSync(project);
    writeFileSync(
      path.join(project, 'compose.yaml'),
      'services: { web: { image: busybox, command: /bin/busybox sleep 1000000, stop_signal: KILL } }\n',
    );
    await compose(world.engine('h2'), project, 'up', '-d');
    expect(await compose(world.engine('h2'), project, 'ps', '--services')).toBe('web');
    await compose(world.engine('h2'), project, 'down');
    expect(await world.engine('h2').docker('ps', '-aq')).toBe('');
  });

  test('two engines join into a swarm', async () => {
    const [h1, h2] = [world.engine('h1'), world.engine('h2')];
    await h1.docker('swarm', 'init', '--advertise-addr', world.underlayOf('h1'));
    const token = await h1.docker('swarm', 'join-token', '-q', 'worker');
    await h2.docker('swarm', 'join', '--token', token, `${world.underlayOf('h1')}:2377`);
    expect((await h1.docker('node', 'ls', '-q')).split('\n')).toHaveLength(2);
  });
});
