import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callOk, type EndpointJson } from '../world/api.ts';
import { inBoot, newBoot } from '../world/boot.ts';
import { ip, kernelJson, namespacesWith, plugIn } from '../world/namespaces.ts';
import { untilSettled } from '../world/settled.ts';
import { ping, pingAll, startEcho, talkTo } from '../world/talk.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM, weft } from './lab-cli.ts';

/**
 * Hosts in networks themselves: h1 is in red, which is internal, so that no container has a way out to answer by; and a
 * machine outside that knows of red only that it is behind h1.
 */

const HOST1 = ['10.99.0.1', 'fd99::1'];
const OUTSIDE = ['10.99.0.201', 'fd99::201'];
const SUBNETS = ['10.1.0.0/16', 'fd00:1::/64'];
const BLUE_SUBNETS = ['10.3.0.0/16', 'fd00:3::/64'];
const HEAL_MS = 1_000;

/** In time it looks as it did; if not, what differs. */
async function untilAsBefore(
  what: string,
  look: () => string,
  before: string,
  limitMs?: number,
): Promise<void> {
  await until(what, async () => look() === before, limitMs).catch(() => {});
  expect(look(), what).toBe(before);
}

const world = new World({ program: PROGRAM, hosts: ['h1', 'h2'], wrap: inBoot });
const ns = (name: string) => world.containerOf(name);
const inside = (name: string, ...words: readonly string[]) =>
  execFileSync('ip', ['netns', 'exec', ns(name), ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const CONTAINERS = ['c1', 'c2', 'c3'];
const servers: { kill: (signal: 'SIGKILL') => void }[] = [];
const cli = (...words: readonly string[]) => weft([...words, '--root', world.rootOf('h1')]);
const weftOk = async (...words: readonly string[]) => {
  const { code, stdout, stderr } = await cli(...words);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
};
const network = (name: string, subnets: readonly string[], internal: boolean) =>
  callOk(world.controllerSocket, 'ControllerService/CreateNetwork', { name, subnets, internal });
const endpointOn = async (host: string): Promise<EndpointJson | undefined> =>
  (await world.records()).endpoints.find(({ runtime, name }) => runtime === 'host' && name === host);
const addressesOf = async (name: string) => (await world.endpointOf(name)).addresses;
const settled = () => untilSettled(world, CONTAINERS.map(ns));
/** Without what they have counted. */
const rules = () =>
  inside('h1', 'nft', 'list', 'ruleset')
    .split('\n')
    .filter((line) => !line.includes('counter packets'))
    .sort()
    .join('\n');
const exposedLink = () =>
  kernelJson<{ ifname: string }>('ip', ns('h1'), 'link').find(({ ifname }) => ifname.startsWith('wfh'))
    ?.ifname;

beforeAll(async () => {
  buildIfStale();
  plugIn(ns('wire'), world.addNamespace('outside'), 200);
  for (const host of ['h1', 'h2']) newBoot(world, host);
  await world.startAll();
  for (const name of [...CONTAINERS.map((each) => world.addNamespace(each)), ns('outside'), ns('h1')])
    servers.push(await startEcho(name));
  for (const [i, subnet] of [...SUBNETS, ...BLUE_SUBNETS].entries())
    ip('-n', ns('outside'), 'route', 'add', subnet, 'via', HOST1[i % 2]!);
  await network('red', SUBNETS, true);
  await network('blue', BLUE_SUBNETS, false);
});
afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await world.remove();
});

beforeEach(async () => {
  await world.attachTo('h1', 'c1', 'red');
  await world.attachTo('h1', 'c2', 'blue');
  await world.attachTo('h2', 'c3', 'red');
});
afterEach(async () => {
  for (const host of ['h1', 'h2']) for (const name of CONTAINERS) await world.detachAll(host, name);
  for (const name of ['red', 'blue']) await cli('hide', name);
  // Else the next test may find the endpoints of this one under the names of its own.
  await world.untilAllDetached();
});

/** What does not come through: host ↔ containers here and there, and the machine outside → containers. */
async function lost(): Promise<string[]> {
  const containers = [...(await addressesOf('c1')), ...(await addressesOf('c3'))];
  const own = (await endpointOn('h1'))?.addresses ?? ['none'];
  const all = await Promise.all([
    talkTo(ns('h1'), containers),
    talkTo(ns('outside'), containers),
    ...['c1', 'c3'].map((name) => talkTo(ns(name), own)),
  ]);
  return all.flat();
}

describe('a host in a network', () => {
  test('reaches its containers and is reached, in both families; others reach them through it', async () => {
    expect(await pingAll(ns('h1'), await addressesOf('c1'))).toHaveLength(2);
    const text = await weftOk('expose', 'red');
    const own = await endpointOn('h1');
    expect(text).toBe(
      `network red is exposed on host h1: ${own!.addresses.join(', ')} (${exposedLink()})\n` +
        `  on other machines: ip route add 10.1.0.0/16 via 10.99.0.1\n` +
        `  on other machines: ip -6 route add fd00:1::/64 via fd99::1\n`,
    );
    expect(await lost()).toEqual([]);
    expect(await weftOk('expose', 'red')).toBe(text);
    await settled();
    expect((await world.status('h1')).status?.notices ?? []).toEqual([]);
    expect(await weftOk('endpoint', 'ls', '--network', 'red')).toMatch(/^h1 .*wfh/m);
  });

  test('is no way between networks, nor out of one, nor to what else the host has', async () => {
    await weftOk('expose', 'red');
    await weftOk('expose', 'blue', '--ip', '10.3.0.77');
    const [red] = [(await endpointOn('h1'))!];
    const [c1, c2] = [await addressesOf('c1'), await addressesOf('c2')];
    const own = (await world.records()).endpoints.filter(({ runtime }) => runtime === 'host');
    expect(own.flatMap(({ addresses }) => addresses)).toContain('10.3.0.77');
    expect(await talkTo(ns('outside'), [...c1, ...c2])).toEqual([]);
    // Sent through the host, by the host's address in the network: from red to blue, outside, and its other addresses.
    const others = own.flatMap(({ addresses }) => addresses).filter((each) => !red.addresses.includes(each));
    for (const address of [...c2, ...OUTSIDE, ...HOST1, ...others]) {
      const via = red.addresses.find((each) => each.includes(':') === address.includes(':'))!;
      ip('-n', ns('c1'), 'route', 'replace', address, 'via', via);
      expect(await ping(ns('c1'), address, '-W1'), address).toBe(false);
      ip('-n', ns('c1'), 'route', 'del', address);
    }
    // By blue's own way out.
    for (const address of [...c1, ...red.addresses]) expect(await ping(ns('c2'), address, '-W1')).toBe(false);
    await weftOk('hide', 'blue');
    expect(await talkTo(ns('outside'), c1)).toEqual([]);
    expect(await ping(ns('outside'), c2[0]!, '-W1')).toBe(false);
  });

  test('is there again after a kill, a reboot, and whatever others took away or added', async () => {
    await weftOk('expose', 'red');
    const [before, own] = [rules(), await endpointOn('h1')];
    const dev = exposedLink()!;
    const damages: (readonly [string, () => unknown])[] = [
      ['the rules', () => inside('h1', 'nft', 'flush', 'ruleset')],
      ['the link', () => ip('-n', ns('h1'), 'link', 'del', dev)],
      ['its state', () => ip('-n', ns('h1'), 'link', 'set', dev, 'down')],
      ['an address', () => ip('-n', ns('h1'), 'address', 'del', `${own!.addresses[0]}/16`, 'dev', dev)],
      ['all addresses', () => ip('-n', ns('h1'), 'address', 'flush', 'dev', dev)],
      ['one more', () => ip('-n', ns('h1'), 'address', 'add', '10.1.99.99/16', 'dev', dev)],
      ['a route', () => ip('-n', ns('h1'), 'route', 'del', '10.1.0.0/16', 'dev', dev)],
      ['the other route', () => ip('-n', ns('h1'), '-6', 'route', 'del', 'fd00:1::/64', 'dev', dev)],
      ['its name', () => ip('-n', ns('h1'), 'link', 'set', dev, 'down', 'name', 'mine')],
    ];
    const seen = () =>
      [
        ip('-n', ns('h1'), '-br', 'address'),
        ip('-n', ns('h1'), 'route'),
        ip('-n', ns('h1'), '-6', 'route', 'show', 'dev', dev),
        rules(),
      ]
        .join('')
        .replaceAll(/@if\d+/g, '');
    const whole = seen();
    for (const [what, damage] of damages) {
      damage();
      await untilAsBefore(what, seen, whole, HEAL_MS);
    }
    expect(await lost()).toEqual([]);

    await world.agent('h1').stop('SIGKILL');
    expect(await lost()).toEqual([]);
    world.agent('h1').start();
    await world.untilConnected('h1');
    await settled();
    expect(rules()).toBe(before);

    await world.untilViewKept('h1');
    await world.agent('h1').stop('SIGKILL');
    await world.controller.stop('SIGKILL');
    for (const name of namespacesWith(world.overlaysOf('h1'))) ip('netns', 'del', name);
    await until('the link is gone', async () => exposedLink() === undefined);
    inside('h1', 'nft', 'flush', 'ruleset');
    for (const name of ['net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0'])
      inside('h1', 'sysctl', '-qw', name);
    newBoot(world, 'h1');
    world.agent('h1').start();
    // Containers come with their runtime; the host is there by itself, without a controller.
    const c3 = (await readC3()) ?? [];
    await until('it is there', async () => (await talkTo(ns('outside'), c3)).length === 0, 20_000);
    world.controller.start();
    await world.untilConnected('h1');
    expect((await endpointOn('h1'))?.addresses).toEqual(own!.addresses);
  });

  test('leaves nothing behind when it is hidden, also while its agent is away', async () => {
    await world.detachAll('h1', 'c2');
    const seen = () => ip('-n', ns('h1'), '-br', 'link') + rules();
    // The rules go in more than one step.
    await until('blue is left', async () => !/wfg|gateway/.test(seen()));
    const before = seen();
    await weftOk('expose', 'red');
    expect(await weftOk('hide', 'red')).toBe('network red is hidden on host h1\n');
    expect(await endpointOn('h1')).toBeUndefined();
    await untilAsBefore('hidden', seen, before, 5_000);
    await weftOk('expose', 'red');
    await world.agent('h1').stop('SIGKILL');
    await callOk(world.controllerSocket, 'ControllerService/HideNetwork', { network: 'red', host: 'h1' });
    world.agent('h1').start();
    await until('it has left', async () => (await endpointOn('h1')) === undefined && !exposedLink());
    await settled();
    expect(seen()).toBe(before);
  });
});

describe('what is in the way', () => {
  test('is told: another interface of that name, a taken address, and what is not there', async () => {
    const { networks } = await world.records();
    const dev = `wfh${networks.find(({ name }) => name === 'red')!.vni.toString(16)}`;
    ip('-n', ns('h1'), 'link', 'add', dev, 'type', 'bridge');
    const { code, stdout, stderr } = await cli('expose', 'red');
    expect([code, stdout]).toEqual([0, 'network red is to be exposed on host h1\n']);
    expect(stderr).toMatch(new RegExp(`EEXIST.*not-exposed.*see whose interface ${dev} is`, 's'));
    expect(await weftOk('expose', 'blue')).toMatch(/^network blue is exposed on host h1: /);
    await weftOk('hide', 'blue');
    ip('-n', ns('h1'), 'link', 'del', dev);
    await until('it is there', async () => (await lost()).length === 0);
    await until('all is well', async () => (await world.status('h1')).status?.notices === undefined);

    const [taken] = await addressesOf('c2');
    const refused = await cli('expose', 'blue', '--ip', taken!);
    expect([refused.code, refused.stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining(`ip "${taken}": is taken by endpoint c2 on host h1`),
    ]);
    expect((await cli('hide', 'blue')).stderr).toMatch(
      /network "blue": is not exposed on host h1[\s\S]*exposed there: red/,
    );
    expect((await cli('expose', 'bleu')).stderr).toMatch(/there is no such network[\s\S]*did you mean blue/);
    expect((await cli('endpoint', 'detach', 'h1')).stderr).toMatch(/is this host itself[\s\S]*weft hide red/);
    expect(await weftOk('network', 'inspect', 'red')).toMatch(/exposed on +h1\n/);
    expect((await cli('expose', 'red', '--host', 'h9')).stderr).toMatch(/there is no such host/);
    expect(await weftOk('expose', '--help')).toMatch(/Examples:[\s\S]*weft expose web --host h2/);
    const { network: shown, endpoint } = JSON.parse(await weftOk('expose', 'red', '--json'));
    expect([shown, endpoint]).toEqual([undefined, expect.objectContaining({ runtime: 'host' })]);
    const plan = await weftOk('expose', 'blue', '--dry-run');
    expect(plan).toMatch(/would be exposed[\s\S]*ip addr add 10\.3\.\S+ dev wfh/);
    expect((await world.records()).endpoints.filter(({ runtime }) => runtime === 'host')).toHaveLength(1);
  });
});

/** With the controller away. */
const readC3 = async (): Promise<string[]> =>
  kernelJson<{ ifname: string; addr_info: { local: string; scope: string }[] }>('ip', ns('c3'), 'address')
    .filter(({ ifname }) => ifname === 'eth0')
    .flatMap(({ addr_info }) =>
      addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local),
    );
