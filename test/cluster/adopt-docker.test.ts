import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DockerHost, dockerSocket } from '#lab/docker/docker-host.ts';
import { call } from '../world/api.ts';
import { fetchDocker, programsOf } from '../world/docker-engine.ts';
import { kernelJson } from '../world/namespaces.ts';
import { expectSame, isAtRest, lookAtHost } from '../world/strange-bridge.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, outcomeOf, PROGRAM, startCommand } from './lab-cli.ts';

/**
 * Two real Docker engines, each on a host of its own, that know nothing of each other. Their user-defined networks
 * have the same subnet and gateway; with their bridges adopted, their containers are on one network.
 */

let world: World;
const engines = new Map<string, DockerHost>();
const before = new Map<string, string[]>();
const networks = new Map<string, string>();
const bridges = new Map<string, string>();
const HOSTS = ['h1', 'h2'] as const;
/** By Docker's `--ip`, apart. */
const CONTAINERS = { h1: { name: 'c1', ip: '172.18.0.2' }, h2: { name: 'c2', ip: '172.18.0.3' } } as const;

beforeAll(async () => {
  buildIfStale();
  fetchDocker();
  world = new World({
    program: PROGRAM,
    hosts: HOSTS,
    wrap: (made, host) => ['env', `WEFT_DOCKER_SOCKET=${socketOf(made, host)}`],
  });
  for (const host of HOSTS) engines.set(host, newHost(world.containerOf(host)));
  await Promise.all([world.startAll(), ...HOSTS.map((host) => engine(host).start())]);
  for (const host of HOSTS) {
    const { name, ip } = CONTAINERS[host];
    await engine(host).docker('network', 'create', '--subnet', '172.18.0.0/16', 'shared');
    await engine(host).run(name, '--network', 'shared', '--ip', ip);
    await engine(host).run(`${name}-alone`);
    bridges.set(host, await engine(host).bridgeOf('shared'));
    networks.set(host, await networksOf(host));
  }
  for (const host of HOSTS) {
    await until(`${host} is at rest`, async () => isAtRest(world.containerOf(host)));
    before.set(host, lookAtHost(world.containerOf(host)));
  }
}, 180_000);
afterAll(async () => {
  for (const each of engines.values()) await each.remove();
  await world?.remove();
});
afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const each of engines.values()) console.error(`── ${each.name}\n${each.log()}`);
});

const newHost = (namespace: string) =>
  new DockerHost({ namespace, directory: world.directory, programs: programsOf('20.10') });
const socketOf = (made: World, host: string): string =>
  dockerSocket({ namespace: made.containerOf(host), directory: made.directory });
const engine = (host: string): DockerHost => engines.get(host)!;
const reaches = (from: (typeof HOSTS)[number], to: string, ...flags: readonly string[]): Promise<boolean> =>
  engine(from).pings(CONTAINERS[from].name, to, ...flags);

/** As Docker itself sees its networks; who is in them among it. */
const networksOf = (host: string): Promise<string> =>
  engine(host).docker('network', 'inspect', 'shared', 'bridge', 'host', 'none');

/** Docker's own links have got the link-local addresses that the kernel makes for them. */
async function weft(host: string, ...words: readonly string[]): Promise<string> {
  const command = [process.execPath, PROGRAM, ...words, '--root', world.rootOf(host)];
  const { code, stdout, stderr } = await outcomeOf(startCommand(command));
  if (code !== 0) throw new Error(`weft ${words.join(' ')}: ${code}\n${stderr}${stdout}${world.logs()}`);
  return `${stdout}${stderr}`;
}

const macOf = (host: string, device: string): string =>
  kernelJson<{ address: string }>('ip', world.containerOf(host), 'link', 'show', device)[0]!.address;

async function expectUntouched(): Promise<void> {
  for (const host of HOSTS) expect(await networksOf(host)).toBe(networks.get(host));
}

describe.sequential.each(['static', 'flood'])('in mode %s', (mode) => {
  test('containers of the two engines do not reach each other', async () => {
    expect(await reaches('h1', CONTAINERS.h2.ip)).toBe(false);
    expect(await reaches('h2', CONTAINERS.h1.ip)).toBe(false);
  });

  test('with both bridges adopted they do', async () => {
    for (const host of HOSTS) {
      const said = await weft(
        host,
        'network',
        'adopt',
        bridges.get(host)!,
        '--network',
        mode,
        '--mode',
        mode,
      );
      expect(said).toContain('adopted-mtu');
    }
    await until('c1 reaches c2', () => reaches('h1', CONTAINERS.h2.ip));
    await until('c2 reaches c1', () => reaches('h2', CONTAINERS.h1.ip));
    expect(await reaches('h1', CONTAINERS.h2.ip, '-s', '1472')).toBe(true);
    await expectUntouched();
  });

  test('who is behind them is known, with the addresses that Docker gave', async () => {
    await until('both are known', async () => {
      const { body } = await call(world.controllerSocket, 'ControllerService/ListRecords');
      const adoptions = body.records.flatMap((record: { adoption?: Adopted }) => record.adoption ?? []);
      const known = adoptions.flatMap(({ stations = [] }: Adopted) =>
        stations.map(({ addresses }) => addresses),
      );
      expect(known.sort()).toEqual([[CONTAINERS.h1.ip], [CONTAINERS.h2.ip]]);
      return true;
    });
  });

  test('each keeps its own gateway, and docker0 stays apart', async () => {
    for (const host of HOSTS) expect(await reaches(host, '172.18.0.1')).toBe(true);
    const alone = (host: string) =>
      engine(host).docker('inspect', '-f', ADDRESS, `${CONTAINERS.h2.name}-alone`);
    expect(await reaches('h1', await alone('h2'))).toBe(false);
  });

  test('an agent that is killed takes nothing along', async () => {
    await world.agent('h1').stop('SIGKILL');
    expect(await reaches('h1', CONTAINERS.h2.ip)).toBe(true);
    await expectUntouched();
    world.agent('h1').start();
    await world.untilConnected('h1');
    expect(await reaches('h2', CONTAINERS.h1.ip)).toBe(true);
    await expectUntouched();
  });

  test('disowned, hosts and engines are as they were', async () => {
    for (const host of HOSTS) await weft(host, 'network', 'disown', bridges.get(host)!);
    for (const host of HOSTS)
      await until(`${host} is as it was`, async () => {
        expectSame(lookAtHost(world.containerOf(host)), before.get(host)!);
        return true;
      });
    await expectUntouched();
    expect(await reaches('h1', CONTAINERS.h2.ip)).toBe(false);
  });
});

/** Every engine has one, with the same addresses, and nobody can choose his own there: `--ip` is for other networks. */
describe.sequential('docker0', () => {
  const clashesOn = async (host: string): Promise<string> => {
    const { status } = await world.status(host);
    const clashes = (status?.notices ?? []).filter(({ code }) => code === 'adopted-clash');
    return clashes.map(({ sentence }) => sentence).join('\n');
  };

  test('of two engines that gave out the same address, which is named', async () => {
    for (const host of HOSTS) await weft(host, 'network', 'adopt', 'docker0', '--network', 'default');
    for (const host of HOSTS) {
      const isNamed = async () => (await clashesOn(host)).includes('172.17.0.2');
      await until(`${host} names 172.17.0.2`, isNamed, 40_000);
      const named = await clashesOn(host);
      for (const each of HOSTS) expect(named).toContain(`docker0 of host ${each}`);
    }
    await expectUntouched();
  });

  test('of engines that give out different ones, each with its own gateway', async () => {
    // As with a `fixed-cidr` of its own for each.
    await engine('h2').run('c3-alone');
    await engine('h2').docker('rm', '-f', 'c2-alone');
    const there = await engine('h2').docker('inspect', '-f', ADDRESS, 'c3-alone');
    expect(there).toBe('172.17.0.3');
    await until('c1-alone reaches c3-alone', () => engine('h1').pings('c1-alone', there));
    expect(await engine('h2').pings('c3-alone', '172.17.0.2')).toBe(true);
    for (const [host, container] of [
      ['h1', 'c1-alone'],
      ['h2', 'c3-alone'],
    ] as const) {
      expect(await engine(host).pings(container, '172.17.0.1')).toBe(true);
      const known = await engine(host).docker('exec', container, '/bin/busybox', 'arp', '-n', '172.17.0.1');
      expect(known).toContain(macOf(host, 'docker0'));
    }
  });

  test('is as it was when it is let go', async () => {
    await engine('h2').docker('rm', '-f', 'c3-alone');
    await engine('h2').run('c2-alone');
    for (const host of HOSTS) await weft(host, 'network', 'disown', 'docker0');
    for (const host of HOSTS) {
      const without = (lines: readonly string[]) => lines.filter((line) => !/veth/.test(line));
      await until(`${host} is as it was`, async () => {
        expectSame(without(lookAtHost(world.containerOf(host))), without(before.get(host)!));
        return true;
      });
    }
  });
});

test('an engine that starts anew finds its bridge, and Weft the bridge', async () => {
  for (const host of HOSTS) await weft(host, 'network', 'adopt', bridges.get(host)!, '--network', 'again');
  await until('c1 reaches c2', () => reaches('h1', CONTAINERS.h2.ip));
  await engine('h2').stopEngine('SIGTERM');
  await engine('h2').startEngine();
  await engine('h2').docker('start', CONTAINERS.h2.name);
  await until('c1 reaches c2 again', () => reaches('h1', CONTAINERS.h2.ip));
  for (const host of HOSTS) await weft(host, 'network', 'disown', bridges.get(host)!);
});

interface Adopted {
  readonly stations?: readonly { readonly addresses: readonly string[] }[];
}

const ADDRESS = '{{.NetworkSettings.IPAddress}}';
