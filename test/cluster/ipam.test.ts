import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Cidr } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { put } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { openEmbeddedStore } from '#store/embedded-store.ts';
import { kernelJson, namespacesWith } from '../world/namespaces.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, type Outcome, outcomeOf, PROGRAM, startCommand } from './lab-cli.ts';

/**
 * Addresses as a user meets them: one controller and two agents as processes, and `weft` on each host. Who has what is
 * asked of `ip` in the containers, not of Weft.
 */
type Host = 'h1' | 'h2';

let world: World;
const containers: string[] = [];

beforeAll(buildIfStale);
beforeEach(async () => {
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  await world.startAll();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.log(world.logs());
  await world.remove();
  containers.length = 0;
});

const weft = (host: Host, ...args: readonly string[]): Promise<Outcome> =>
  outcomeOf(startCommand([process.execPath, PROGRAM, ...args, '--root', world.rootOf(host)]));

async function ok(host: Host, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await weft(host, ...args);
  if (code !== 0) throw new Error(`weft ${args.join(' ')} on ${host}: exit code ${code}\n${stderr}${stdout}`);
  return stdout;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON
const data = async (host: Host, ...args: readonly string[]): Promise<any> =>
  JSON.parse((await weft(host, ...args, '--json')).stdout);

function container(name: string): string {
  if (!containers.includes(name)) {
    world.addNamespace(name);
    containers.push(name);
  }
  return world.containerOf(name);
}

const attach = (host: Host, name: string, network: string, ...flags: readonly string[]): Promise<Outcome> =>
  weft(host, 'endpoint', 'attach', container(name), network, '--name', name, ...flags);

async function attached(
  host: Host,
  name: string,
  network: string,
  ...flags: readonly string[]
): Promise<string> {
  const { code, stderr } = await attach(host, name, network, ...flags);
  expect(code, stderr).toBe(0);
  return addressOf(name);
}

interface LinkJson {
  readonly ifname: string;
  readonly address: string;
  readonly addr_info?: readonly { readonly family: string; readonly local: string }[];
}

/** What the container's kernel has on eth0. */
const interfaceOf = (name: string): LinkJson =>
  kernelJson<LinkJson>('ip', world.containerOf(name), 'address').find(({ ifname }) => ifname === 'eth0')!;
const addressOf = (name: string): string =>
  interfaceOf(name).addr_info!.find(({ family }) => family === 'inet')!.local;

interface BlockJson {
  readonly cidr: string;
  readonly host: string;
  readonly state: string;
  readonly except: readonly { readonly address: string; readonly name: string | null }[];
}
const blocksOf = async (network: string): Promise<BlockJson[]> =>
  (await data('h1', 'ipam', 'ls', network))[0].subnets[0].blocks;

/** Nothing is wrong with any record, whatever was done. */
const expectSound = async (): Promise<void> =>
  expect(await weft('h1', 'ipam', 'audit')).toMatchObject({
    code: 0,
    stdout: 'The records of all addresses are sound.\n',
  });

describe('a fixed address', () => {
  beforeEach(async () => {
    await ok('h1', 'network', 'create', 'web', '--subnet', '10.1.0.0/24');
    expect(await attached('h1', 'a', 'web')).toBe('10.1.0.2');
    expect(await attached('h2', 'b', 'web')).toBe('10.1.0.8');
  });

  test('of the own block, of another, of none; each is the one that the container gets', async () => {
    expect(await attached('h1', 'own', 'web', '--ip', '10.1.0.5', '--mac', '02:00:00:00:00:05')).toBe(
      '10.1.0.5',
    );
    expect(interfaceOf('own').address).toBe('02:00:00:00:00:05');
    // The next that h1 would give by itself: it is asked first.
    expect(await attached('h2', 'guest', 'web', '--ip', '10.1.0.3')).toBe('10.1.0.3');
    expect((await blocksOf('web'))[0]).toMatchObject({
      cidr: '10.1.0.0/29',
      host: 'h1',
      except: [{ address: '10.1.0.3', name: 'guest' }],
    });
    expect(await attached('h1', 'next', 'web')).toBe('10.1.0.4');
    expect(await attached('h2', 'far', 'web', '--ip', '10.1.0.200')).toBe('10.1.0.200');
    expect(await attach('h1', 'taken', 'web', '--ip', '10.1.0.3')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is taken by endpoint guest on host h2'),
    });
    expect(await attach('h2', 'twin', 'web', '--mac', '02:00:00:00:00:05')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is taken by endpoint own on host h1'),
    });
    await expectSound();
    // Once it is given back it is the block owner's again.
    await ok('h2', 'endpoint', 'detach', 'guest');
    await until('the address is back', async () => (await blocksOf('web'))[0]!.except.length === 0);
    await expectSound();
  });

  test('of the block of a host whose agent is stopped is refused with the reason, until it is back', async () => {
    await world.agent('h1').stop();
    const refused = await attach('h2', 'guest', 'web', '--ip', '10.1.0.3');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toMatch(
      /error: host "h1": owns the block that the address is in, which is not connected/,
    );
    expect(refused.stderr).toMatch(/fix: choose an address of no block, or start its agent/);
    expect(await attached('h2', 'other', 'web', '--ip', '10.1.0.201')).toBe('10.1.0.201');
    world.agent('h1').start();
    await world.untilConnected('h1');
    expect(await attached('h2', 'guest', 'web', '--ip', '10.1.0.3')).toBe('10.1.0.3');
    await expectSound();
  });
});

describe('a /28 over two hosts', () => {
  const LAST = 13;

  beforeEach(() => ok('h1', 'network', 'create', 'tiny', '--subnet', '10.9.0.0/28'));

  test('is used to its last address, none of them twice; that it runs out is seen before', async () => {
    const outcomes: Outcome[] = [];
    for (let i = 0; i < LAST; i++) outcomes.push(await attach(i % 3 === 0 ? 'h2' : 'h1', `c${i}`, 'tiny'));
    expect(outcomes.map(({ code }) => code)).toEqual(outcomes.map(() => 0));
    const addresses = Array.from({ length: LAST }, (_, i) => addressOf(`c${i}`));
    expect(new Set(addresses).size).toBe(LAST);
    const notes = outcomes.map(({ stderr }) => /\[([a-z-]+)\]/.exec(stderr)?.[1] ?? '');
    expect(notes.slice(0, 5)).toEqual(['', '', '', '', '']);
    expect(notes.slice(-3)).toEqual(['subnet-filling', 'subnet-filling', 'subnet-full']);
    for (const args of [['ipam', 'ls'], ['network', 'inspect', 'tiny'], ['status']])
      expect((await weft('h2', ...args)).stderr, args.join(' ')).toContain('[subnet-full]');
    expect(await attach('h1', 'more', 'tiny')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is full: all 13 addresses of network tiny are taken'),
    });
    await expectSound();
    // What one gives back, the other can have.
    await ok('h1', 'endpoint', 'detach', 'c1');
    await until(
      'the address has rested',
      async () => (await attach('h2', 'more', 'tiny')).code === 0,
      30_000,
      500,
    );
    expect(addressOf('more')).toBe(addresses[1]);
    await expectSound();
  });

  test('is used to its last address when both hosts ask at once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: LAST }, (_, i) => attach(i % 2 === 0 ? 'h1' : 'h2', `c${i}`, 'tiny')),
    );
    expect(outcomes.map(({ code, stderr }) => (code === 0 ? '' : stderr))).toEqual(outcomes.map(() => ''));
    expect(new Set(Array.from({ length: LAST }, (_, i) => addressOf(`c${i}`))).size).toBe(LAST);
    await expectSound();
  });
});

describe('a host that is evicted', () => {
  beforeEach(async () => {
    await ok('h1', 'network', 'create', 'tiny', '--subnet', '10.9.0.0/28');
    expect(await attached('h1', 'a', 'tiny')).toBe('10.9.0.2');
    expect(await attached('h2', 'b', 'tiny')).toBe('10.9.0.4');
  });

  test('loses its endpoints and blocks; the blocks are used again once all peers have applied that', async () => {
    await world.agent('h2').stop('SIGKILL');
    expect(await weft('h1', 'host', 'evict', 'h2')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('would lose 1 endpoint and 1 block\n  fix: say --yes'),
    });
    // h1, the peer, is stopped too: it cannot have applied anything.
    await world.agent('h1').stop();
    const controller = ['--controller', `unix://${world.controllerSocket}`];
    expect((await ok('h1', 'host', 'evict', 'h2', '--yes', ...controller)).trim()).toBe('host h2 evicted');
    const { stdout } = await weft('h1', 'ipam', 'ls', 'tiny', ...controller);
    expect(stdout).toMatch(/10\.9\.0\.4\/30 +h2 +0\/4 +resting until h1 has applied revision \d+/);
    world.agent('h1').start();
    await world.untilConnected('h1');
    await until('the block is free', async () => (await blocksOf('tiny')).every(({ host }) => host === 'h1'));
    const fdb = kernelJson<{ dst?: string }>('bridge', overlayOn('h1'), 'fdb', 'show', 'dev', 'vxlan0');
    expect(fdb.filter(({ dst }) => dst === '10.99.0.2')).toEqual([]);
    expect(await attached('h1', 'c', 'tiny')).toBe('10.9.0.3');
    expect(await attached('h1', 'd', 'tiny')).toBe('10.9.0.4');
    await expectSound();
    expect(await data('h1', 'host', 'inspect', 'h2')).toMatchObject({
      host: { epoch: 2 },
      blocks: [],
      endpoints: [],
    });
  });

  test('comes back, says what it lost, and can begin anew', async () => {
    await world.agent('h2').stop();
    await ok('h1', 'host', 'evict', 'h2', '--yes');
    world.agent('h2').start();
    await world.untilConnected('h2');
    await until('h2 says so', async () => (await weft('h2', 'status')).stdout.includes('[endpoint-revoked]'));
    await until('b has no interface', async () => {
      const links = kernelJson<LinkJson>('ip', world.containerOf('b'), 'link');
      return links.map(({ ifname }) => ifname).join() === 'lo';
    });
    const again = await attached('h2', 'b', 'tiny');
    expect(again).not.toBe(addressOf('a'));
    await expectSound();
  });

  test('and removed makes room for a machine of the same name', async () => {
    await world.agent('h2').stop();
    expect(await weft('h1', 'host', 'rm', 'h2')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('weft host evict h2'),
    });
    await ok('h1', 'host', 'evict', 'h2', '--yes');
    await ok('h1', 'host', 'rm', 'h2');
    expect((await data('h1', 'host', 'ls')).map(({ name }: { name: string }) => name)).toEqual(['h1']);
    await until('its block is free', async () => (await blocksOf('tiny')).length === 1);
    await expectSound();
  });
});

test('a reset gives the blocks back at once', async () => {
  await ok('h1', 'network', 'create', 'web', '--subnet', '10.1.0.0/24');
  await attached('h1', 'a', 'web');
  await attached('h2', 'b', 'web');
  await ok('h2', 'agent', 'reset', '--yes');
  expect((await blocksOf('web')).filter(({ host, state }) => host === 'h2' && state === 'in use')).toEqual(
    [],
  );
  await until('the block is free', async () => (await blocksOf('web')).every(({ host }) => host === 'h1'));
  await expectSound();
});

test('an audit finds what is broken, repairs what takes no decision, and says how to resolve the rest', async () => {
  await ok('h1', 'network', 'create', 'web', '--subnet', '10.1.0.0/24');
  await attached('h1', 'a', 'web');
  await attached('h2', 'b', 'web');
  await world.controller.stop();
  await breakStore();
  world.controller.start();
  for (const host of ['h1', 'h2']) await world.untilConnected(host);

  const found = await weft('h2', 'ipam', 'audit');
  expect(found.code).toBe(6);
  expect(found.stdout.match(/\[[a-z-]+\]/g)).toEqual([
    '[lost-endpoint]',
    '[mac-twice]',
    '[stray-block]',
    '[unheld-exception]',
  ]);
  const before = await world.records();
  expect(await weft('h2', 'ipam', 'audit', '--repair', '--dry-run')).toMatchObject({ code: 6 });
  expect((await world.records()).revision).toBe(before.revision);
  const repaired = await weft('h2', 'ipam', 'audit', '--repair');
  expect(repaired.code).toBe(6);
  expect(repaired.stdout).toContain('3 repaired. 1 finding.');
  expect((await blocksOf('web')).map(({ cidr, except }) => [cidr, except])).toEqual([
    ['10.1.0.0/29', []],
    ['10.1.0.8/29', []],
  ]);
  const [, command] = /`weft (endpoint detach \S+)` on host h2/.exec(repaired.stdout)!;
  await ok('h2', ...command!.split(' '));
  await expectSound();
});

/** What no wish does: an endpoint of nobody, b with the MAC of a, a block outside, an exception for nobody. */
async function breakStore(): Promise<void> {
  const store = await openEmbeddedStore(path.join(world.controllerRoot, 'var/lib/weft/controller/store'));
  const { records, revision } = await store.read();
  const all = new Snapshot(records);
  const [a, b] = ['a', 'b'].map((wanted) => [...all.endpoints.values()].find(({ name }) => name === wanted)!);
  const block = [...all.blocks.values()].find(({ host }) => host === a!.host);
  const nobody = '01ARYZ6S410000000000000000' as Id;
  const outcome = await store.commit(
    [
      put({
        ...a!,
        id: nobody,
        host: nobody,
        mac: '02:00:00:00:00:77' as Mac,
        addresses: ['10.1.0.77' as Ip],
      }),
      put({ ...b!, mac: a!.mac }),
      put({ ...block!, id: '01ARYZ6S410000000000000001' as Id, cidr: '10.7.0.0/29' as Cidr }),
      put({ ...block!, except: ['10.1.0.6' as Ip] }),
    ],
    revision,
  );
  expect(outcome).toMatchObject({ outcome: 'committed' });
  await store.close();
}

/** The namespace of the one network that a host takes part in. */
const overlayOn = (host: Host): string => namespacesWith(world.overlaysOf(host))[0]!;
