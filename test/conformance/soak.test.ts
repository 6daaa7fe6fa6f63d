import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { seededDice } from '#model/test-random.ts';
import { overlayJson, overlaysOf, vtepsOf } from '../world/docker-kernel.ts';
import type { DockerWorld } from '../world/docker-world.ts';
import { until } from '../world/world.ts';
import { onEngines } from './on-engines.ts';

/**
 * Containers come, are killed, restarted, connected and disconnected on both hosts at once, while agents, engines and
 * the controller are killed; in each round, a host is cut off from the other and from the controller for some of its
 * steps. Then what Docker, Weft and the kernels have is held against each other.
 * SEED=… runs one again, STEPS=… more of them.
 */

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** All of them on one engine, fewer on the others, which tell the agent the same things in the same way. */
const stepsOn = (version: string): number => Number(process.env.STEPS ?? (version === '26.1' ? 500 : 50));
/** Between two looks. */
const ROUND = 50;
const NETWORKS = ['red', 'blue'] as const;
const NAMES = ['c1', 'c2', 'c3', 'c4', 'c5'];
/** Asked for on both hosts: who comes second is refused. */
const FIXED = ['10.70.0.200', '10.70.0.201'];

/** An interface of a running container, as its Docker has it. */
interface Joined {
  readonly host: string;
  readonly name: string;
  readonly network: string;
  readonly ip: string;
  readonly mac: string;
}

onEngines('500 steps', (world, version) => {
  const { below, pick } = seededDice(SEED);
  const engine = (host: string) => world().engine(host);
  let refused = 0;

  /**
   * By its weight; what Docker refuses is counted, and what is left behind by it is looked for later. On a host that is
   * apart nobody waits for the controller.
   */
  async function step(host: string, isApart: boolean): Promise<string> {
    const [name, network] = [pick(NAMES), pick(NETWORKS)];
    const dice = below(1000);
    const docker = async (...words: readonly string[]) => {
      await engine(host)
        .docker(...words)
        .catch(() => refused++);
      return `${host} ${words.join(' ')}`;
    };
    if (dice < 300) {
      const fixed = network === 'red' && below(10) < 3 ? ['--ip', pick(FIXED)] : [];
      const flags = ['--network', network, '--restart', pick(['no', 'always']), ...fixed];
      await engine(host)
        .run(name, ...flags)
        .catch(() => refused++);
      return `${host} run ${name} ${flags.join(' ')}`;
    }
    if (dice < 400) return docker('kill', name);
    if (dice < 550) return docker('rm', '-f', name);
    if (dice < 650) return docker('restart', '-t', '0', name);
    if (dice < 800) return docker('network', 'connect', network, name);
    if (dice < 940) return docker('network', 'disconnect', '-f', network, name);
    if (dice < 975) {
      await world().agent(host).stop('SIGKILL');
      await sleep(below(200));
      world().agent(host).start();
      if (isApart) await until(`the agent of ${host} answers`, () => world().status(host));
      else await world().untilConnected(host);
      return `${host} agent killed`;
    }
    await engine(host).stopEngine('SIGKILL');
    await engine(host).startEngine();
    return `${host} engine killed`;
  }

  test('both hosts have the networks', async () => {
    console.log(`SEED=${SEED}`);
    await world().weft('h1', 'network', 'create', 'red', '--subnet', '10.70.0.0/24');
    await world().weft('h1', 'network', 'create', 'blue', '--subnet', '10.71.0.0/24');
    for (const host of world().names)
      for (const network of NETWORKS)
        await until(`${host} has ${network}`, () => engine(host).docker('network', 'inspect', network));
  });

  const rounds = Math.ceil(stepsOn(version) / ROUND);
  test.each(Array.from({ length: rounds }, (_, i) => i + 1))(`round %i of ${rounds}`, async () => {
    const log: string[] = [];
    const apart = { host: pick(world().names), from: below(15), steps: 2 + below(8) };
    const run = async (host: string) => {
      for (let i = 0; i < ROUND / 2; i++) {
        const at = host === apart.host ? i - apart.from : -1;
        if (at === 0) {
          world().cutOff(host);
          log.push(`${host} cut off`);
        }
        if (at === apart.steps) {
          await world().join(host);
          log.push(`${host} joined`);
        }
        log.push(await step(host, at >= 0 && at < apart.steps));
      }
    };
    await Promise.all(world().names.map(run));
    // Once more, the central one: it may be away while all else goes on.
    await world().controller.stop('SIGKILL');
    world().controller.start();
    for (const host of world().names) await world().untilConnected(host);
    try {
      await until('all sides agree', async () => agree(world()), 60_000, 200);
    } catch (error) {
      // What differs comes first: a summary has room for little.
      throw new Error(`SEED=${SEED}\n${(error as Error).message}\n${log.join('\n')}`);
    }
  });

  test('most steps did something: else nothing is shown', () => {
    // About half are refused by chance, such as leaving a network without having been in it.
    expect(refused).toBeLessThan(rounds * ROUND * 0.8);
  });

  test('in the end nothing is left', async () => {
    for (const host of world().names) {
      const all = (await engine(host).docker('ps', '-aq')).split('\n').filter(Boolean);
      if (all.length > 0) await engine(host).docker('rm', '-f', ...all);
    }
    await until('no endpoint is left', async () => {
      expect((await world().records()).endpoints).toEqual([]);
      for (const host of world().names) {
        expect(await overlaysOf(world(), host)).toEqual([]);
        const { machine } = engine(host);
        expect(await machine.exec('ip', '-br', 'link')).not.toMatch(/^wf/m);
        expect(await machine.exec('nft', 'list', 'tables')).not.toContain('weft');
        expect(JSON.parse(await world().weft(host, 'ipam', 'audit', '--json')).findings ?? []).toEqual([]);
      }
      return true;
    });
  });
});

/** Throws what differs. */
async function agree(world: DockerWorld): Promise<true> {
  const joined = (await Promise.all(world.names.map((host) => joinedOf(world, host)))).flat();
  const { endpoints, networks, hosts } = await world.records();
  const nameOf = (id: string, of: readonly { id: string; name: string }[]) =>
    of.find((one) => one.id === id)!.name;
  const known = endpoints.map(
    ({ host, network, name, addresses, mac }): Joined => ({
      host: nameOf(host, hosts),
      name,
      network: nameOf(network, networks),
      ip: addresses.join(),
      mac,
    }),
  );
  const lines = (all: readonly Joined[]) =>
    all.map(({ host, name, network, ip, mac }) => `${network} ${ip} ${host} ${name} ${mac}`).sort();
  expect(lines(known)).toEqual(lines(joined));
  const addresses = joined.map(({ network, ip }) => `${network} ${ip}`);
  expect(new Set(addresses).size, 'an address is given twice').toBe(addresses.length);
  for (const host of world.names) await kernelAgrees(world, host, joined);
  return true;
}

/** One port for each endpoint there, one row for each elsewhere, and no network that nobody is in. */
async function kernelAgrees(world: DockerWorld, host: string, joined: readonly Joined[]): Promise<void> {
  const own = joined.filter((one) => one.host === host);
  const used = NETWORKS.filter((network) => own.some((one) => one.network === network));
  expect(await overlaysOf(world, host), `namespaces of ${host}`).toHaveLength(used.length);
  expect(await world.engine(host).machine.exec('ip', '-br', 'link')).not.toMatch(/^wfe/m);
  for (const network of used) {
    const links = await overlayJson<{ ifname: string }>(world, host, network, 'ip', 'link');
    const ports = links.filter(({ ifname }) => ifname.startsWith('p'));
    const here = own.filter((one) => one.network === network);
    expect(ports, `ports of ${network} on ${host}`).toHaveLength(here.length);
    for (const there of joined.filter((one) => one.network === network && one.host !== host))
      expect(await vtepsOf(world, host, network, there.mac)).toEqual([world.underlayOf(there.host)]);
    await namesAgree(world, here[0]!, joined);
  }
}

/** In each of its networks a container finds by a name all who live there, and nobody else. */
async function namesAgree(world: DockerWorld, asking: Joined, joined: readonly Joined[]): Promise<void> {
  const { host, network } = asking;
  const script = `for name; do echo "= $name"; /bin/busybox nslookup $name.${network}.weft.internal; done; true`;
  const shell = ['exec', asking.name, '/bin/busybox', 'sh', '-c', script, '-'];
  const said = await world.engine(host).docker(...shell, ...NAMES);
  for (const part of said.split('= ').slice(1)) {
    const name = part.split('\n', 1)[0];
    const live = joined.filter((one) => one.network === network && one.name === name).map(({ ip }) => ip);
    const found = [...new Set(part.match(/10\.7[01]\.0\.\d+/g))];
    expect(found.sort(), `${name}, asked by ${asking.name} on ${host}: ${part}`).toEqual(live.sort());
  }
}

async function joinedOf(world: DockerWorld, host: string): Promise<Joined[]> {
  const engine = world.engine(host);
  const running = (await engine.docker('ps', '-q')).split('\n').filter(Boolean);
  if (running.length === 0) return [];
  const containers = JSON.parse(await engine.docker('inspect', ...running)) as ContainerJson[];
  return containers.flatMap(({ Name, NetworkSettings }) =>
    Object.entries(NetworkSettings.Networks).map(([network, { IPAddress, MacAddress }]) => ({
      host,
      name: Name.slice(1),
      network,
      ip: IPAddress,
      mac: MacAddress,
    })),
  );
}

interface ContainerJson {
  readonly Name: string;
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly MacAddress: string }>>;
  };
}
