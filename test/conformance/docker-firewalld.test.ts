import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { buildIfStale, PROGRAM } from '../cluster/lab-cli.ts';
import { absenceOf, fetchDocker, SERVE } from '../world/docker-engine.ts';
import { DockerWorld } from '../world/docker-world.ts';
import { Firewalld } from '../world/firewalld.ts';
import { until } from '../world/world.ts';

fetchDocker();
const absence = absenceOf('firewalld');

/** Docker speaks with firewalld, too, and makes its own rules anew when that reloads. */
describe.sequential('Docker and firewalld on one host', () => {
  if (absence) return test.skip(absence);
  let world: DockerWorld;
  let firewalld: Firewalld;
  const h1 = () => world.engine('h1');

  beforeAll(async () => {
    buildIfStale();
    world = new DockerWorld({ program: PROGRAM, version: '26.1' });
    const { machine } = h1();
    await machine.boot();
    firewalld = new Firewalld(
      path.join(world.directory, 'firewalld'),
      (command) => machine.daemon('firewalld', () => command),
      '/run',
    );
    await firewalld.start();
    for (const words of ['--zone=trusted --add-interface=wfg+ --add-interface=wfh+', '--add-port=4789/udp'])
      await firewalld.cmd('--permanent', ...words.split(' '));
    await firewalld.cmd('--reload');
    world.controller.start();
    world.agent('h1').start();
    await world.untilConnected('h1');
    await h1().start();
    await world.startHost('h2');
    await world.weft('h1', 'network', 'create', 'app', '--subnet', '10.62.0.0/24');
    await world.weft('h1', 'network', 'create', 'out', '--subnet', '10.63.0.0/24', '--gateway', 'anycast');
    for (const host of world.names)
      for (const name of ['app', 'out'])
        await until(`${host} has ${name}`, () => world.engine(host).docker('network', 'inspect', name));
    await h1().docker('run', '-d', '--name', 'c1', '--network', 'app', '-p', '8080:80', ...SERVE);
    await h1().docker('run', '-d', '--name', 'o1', '--network', 'out', ...SERVE);
    await until('it is published', () => world.weft('h1', 'publish', 'o1', '8081:80'));
    await world.engine('h2').run('c2', '--network', 'app');
    await world.engine('h2').run('client');
  });
  afterAll(() => world?.remove());
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.error(world.logs());
  });

  /** What does not work. */
  async function lost(): Promise<string[]> {
    const h2 = world.engine('h2');
    const get = (port: number) =>
      h2
        .docker(...'exec client /bin/busybox timeout 2 /bin/busybox nc 10.99.0.1'.split(' '), `${port}`)
        .catch(() => '');
    const all: [string, boolean][] = [
      ['the other host', await h1().pings('c1', 'c2')],
      ['from the other host', await h2.pings('c2', 'c1')],
      ['out by docker_gwbridge', await h1().pings('c1', '10.99.0.2')],
      ['out by Weft', await h1().pings('o1', '10.99.0.2')],
      ['-p', (await get(8080)) === 'served'],
      ['weft publish', (await get(8081)) === 'served'],
    ];
    return all.flatMap(([what, holds]) => (holds ? [] : [what]));
  }

  const untilWell = (when: string) =>
    until(`all is well ${when}`, async () => {
      const now = await lost();
      if (now.length > 0) throw new Error(now.join(', '));
      return !(await world.status('h1')).status?.notices;
    });

  test('work together, whatever firewalld reloads', async () => {
    await untilWell('at first');
    for (const how of ['--reload', '--complete-reload']) {
      await firewalld.cmd(how);
      // Docker hears of it, and makes its rules anew.
      await untilWell(`after ${how}`);
    }
  });
});
