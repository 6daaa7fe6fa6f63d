import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MortalDaemon } from '#lab/machine/mortal-daemon.ts';
import { buildIfStale, PROGRAM, ROOT } from '../cluster/lab-cli.ts';
import { fetchDocker, programsOf, unitsOf } from '../world/docker-engine.ts';
import { DockerWorld } from '../world/docker-world.ts';
import { runInside } from '../world/run-inside.ts';
import { until } from '../world/world.ts';

fetchDocker();

const VERSION = '26.1';
const SYSTEMD = '/lib/systemd/systemd';
const CGROUPS = '/sys/fs/cgroup/systemd';
const absence = [SYSTEMD, CGROUPS].find((needed) => !existsSync(needed));

/**
 * The agent's unit and Docker's own, of Debian's package, started by a systemd that is process 1 of a machine: without
 * all else that a boot starts.
 */
describe.sequential('the units', () => {
  if (absence) return test.skip(`this machine has no ${absence}`);
  let world: DockerWorld;
  const h1 = () => world.engine('h1');
  let systemd: MortalDaemon;
  /** It hears only processes that it sees. */
  const show = async (unit: string, property: string) =>
    Number(await runInside(systemd, 'systemctl', 'show', '--value', '-p', property, unit));

  /** Of the units, and what is another here than where they are installed. */
  function layOut(): string {
    const units = path.join(world.directory, 'units');
    const programs = path.join(world.directory, 'programs');
    mkdirSync(programs);
    const write = (name: string, ...lines: readonly string[]) => {
      const file = path.join(units, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, `${lines.join('\n')}\n`);
    };
    writeFileSync(path.join(programs, 'weft'), `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`, {
      mode: 0o755,
    });
    const environment = (more: Readonly<Record<string, string>>) =>
      Object.entries(more).map(([name, value]) => `Environment="${name}=${value}"`);
    cpSync(path.join(ROOT, 'packaging/systemd/weft-agent.service'), path.join(units, 'weft-agent.service'));
    for (const name of ['docker.service', 'docker.socket'])
      cpSync(path.join(unitsOf(VERSION), name), path.join(units, name));
    write(
      'weft-agent.service.d/here.conf',
      '[Service]',
      ...environment({
        PATH: `${programs}:/usr/sbin:/usr/bin:/sbin:/bin`,
        WEFT_NAME: 'h1',
        WEFT_UNDERLAY: 'eth0',
        WEFT_CONTROLLER: `unix://${path.join(world.directory, 'h1.sock')}`,
      }),
    );
    write('docker.socket.d/here.conf', '[Socket]', 'SocketGroup=root');
    write(
      'docker.service.d/here.conf',
      '[Service]',
      ...environment(programsOf(VERSION).environment),
      'ExecStart=',
      `ExecStart=/usr/bin/env ${h1().command('-H', 'fd://').join(' ')}`,
    );
    for (const name of ['sysinit', 'basic', 'network-online', 'sockets', 'shutdown'])
      write(`${name}.target`, '[Unit]', 'DefaultDependencies=no');
    const wanted = 'weft-agent.service docker.service docker.socket';
    write('multi-user.target', '[Unit]', 'Requires=basic.target', 'After=basic.target', `Wants=${wanted}`);
    return units;
  }

  beforeAll(async () => {
    buildIfStale();
    world = new DockerWorld({ program: PROGRAM, version: VERSION });
    await world.startAll();
    await world.weft('h1', 'network', 'create', 'app', '--subnet', '10.61.0.0/24');
    for (const host of world.names) {
      await until(`${host} has it`, () => world.engine(host).docker('network', 'inspect', 'app'));
      const name = host.replace('h', 'c');
      await world.engine(host).run(name, '--network', 'app', '--restart', 'always');
    }
  });
  afterAll(() => world?.remove());

  test('are as systemd wants them', () => {
    const files = ['weft-agent', 'weft-controller'].map((name) =>
      path.join(ROOT, `packaging/systemd/${name}.service`),
    );
    // It exits with 0, whatever it finds, and speaks of this machine's other units, too.
    const said = execFileSync('sh', ['-c', 'systemd-analyze verify "$@" 2>&1', 'sh', ...files]);
    const ours = said
      .toString()
      .split('\n')
      .filter((line) => line.includes('weft-'));
    expect(ours).toEqual([]);
  });

  test('bring a host up with the agent before Docker, and its containers into their networks', async () => {
    const units = layOut();
    await world.reboot('h1', async () => {
      const { machine } = h1();
      await machine.boot();
      const apart = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'unchanged'];
      const words = [path.join(CGROUPS, world.namespaceOf('h1')), h1().directory, SYSTEMD];
      const environment = { container: 'weft', SYSTEMD_UNIT_PATH: units, SYSTEMD_LOG_TARGET: 'console' };
      systemd = machine.daemon(
        'systemd',
        () => [...apart, 'sh', '-euc', INIT, 'init', ...words],
        environment,
      );
      systemd.start();
    });
    await until('c1 reaches c2', () => h1().pings('c1', 'c2'));
    await until('c2 reaches c1', () => world.engine('h2').pings('c2', 'c1'));
    const [agent, docker] = await Promise.all([
      show('weft-agent.service', 'ActiveEnterTimestampMonotonic'),
      show('docker.service', 'ExecMainStartTimestampMonotonic'),
    ]);
    expect(agent).toBeGreaterThan(0);
    expect(docker).toBeGreaterThanOrEqual(agent);
  });
});

/** It has its own processes, and its own cgroup for each of its units. Its mounts are the machine's. */
const INIT = `
mount --make-private /proc
mount -t proc proc /proc
mount --bind "$2/boot_id" /proc/sys/kernel/random/boot_id
mkdir "$1"
echo 1 >"$1/cgroup.procs"
exec "$3" --unit=multi-user.target
`;
