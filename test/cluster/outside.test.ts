import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callOk } from '../world/api.ts';
import { ip, kernelJson, plugIn } from '../world/namespaces.ts';
import { untilSettled } from '../world/settled.ts';
import { ping, startEcho, talkTo } from '../world/talk.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

/** Containers, their hosts, and a machine outside that knows nothing of networks and has no route to any. */

const OUTSIDE = ['10.99.0.201', 'fd99::201'];
const HOST1 = ['10.99.0.1', 'fd99::1'];
/** What somebody else's reload costs. */
const HEAL_MS = 1_000;

const world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
const ns = (name: string) => world.containerOf(name);
const inside = (name: string, ...words: readonly string[]) =>
  execFileSync('ip', ['netns', 'exec', ns(name), ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const servers: { kill: (signal: 'SIGKILL') => void }[] = [];
const CONTAINERS = ['c1', 'c2', 'c3', 'c4'];

beforeAll(async () => {
  buildIfStale();
  plugIn(ns('wire'), world.addNamespace('outside'), 200);
  await world.startAll();
  for (const name of [...CONTAINERS.map((each) => world.addNamespace(each)), ns('outside')])
    servers.push(await startEcho(name));
});
afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await world.remove();
});

const network = (name: string, words: object = {}) =>
  callOk(world.controllerSocket, 'ControllerService/CreateNetwork', {
    name,
    subnets: ['10.1.0.0/16', 'fd00:1::/64'],
    ...words,
  });
const attach = async (host: string, container: string, name: string, words: object = {}) => {
  const { ok, body } = await world.attachTo(host, container, name, words);
  if (!ok) throw new Error(`${JSON.stringify(body)}\n${world.logs()}`);
};
const publish = (endpoint: string, mapping: string) =>
  callOk(world.agentSocket('h1'), 'ControllerService/PublishPort', { endpoint, mapping });
/** Sorted: the elements of a set come in any order. */
const tables = (name: string) => inside(name, 'nft', 'list', 'ruleset').split('\n').sort().join('\n');

beforeEach(async () => {
  await network('red');
  // The same subnet once more: two networks that know nothing of each other.
  await network('blue');
  await attach('h1', 'c1', 'red');
  await attach('h1', 'c2', 'blue');
  await attach('h2', 'c3', 'red');
});
afterEach(async () => {
  for (const host of ['h1', 'h2']) for (const name of CONTAINERS) await world.detachAll(host, name);
  await world.untilAllDetached();
  for (const { name } of (await world.records()).networks)
    await callOk(world.controllerSocket, 'ControllerService/RemoveNetwork', { network: name });
});

describe('the way out', () => {
  test('leads from every network of a host to the outside in both families, and goes with its containers', async () => {
    for (const container of ['c1', 'c2', 'c3']) expect(await talkTo(ns(container), OUTSIDE)).toEqual([]);
    await world.detachAll('h1', 'c1');
    await world.detachAll('h1', 'c2');
    await until(
      'nothing is left',
      async () => !/wfg/.test(ip('-n', ns('h1'), 'link')) && tables('h1') === '',
    );
  });

  test('is none for an internal network, and no way between networks or to the host', async () => {
    await network('shut', { subnets: ['10.2.0.0/16'], internal: true });
    await attach('h1', 'c4', 'shut');
    expect(inside('c4', 'ip', 'route', 'show', 'default')).toBe('');
    expect(await ping(ns('c4'), OUTSIDE[0]!)).toBe(false);
    const relays = ip('-n', ns('h1'), '-4', '-o', 'addr', 'show', 'scope', 'global').match(
      /24[01]\.[\d.]+/g,
    )!;
    expect(relays).toHaveLength(2);
    for (const relay of relays)
      for (const last of [0, 1]) {
        const address = relay.replace(/\d+$/, (byte) => String((Number(byte) & 254) | last));
        expect(await ping(ns('outside'), address, '-W1')).toBe(false);
        expect(await talkTo(ns('c1'), [address])).toHaveLength(2);
      }
    for (const address of HOST1) expect(await ping(ns('c1'), address, '-W1')).toBe(false);
  });

  test('is whole again after a flush of all rules, and after the agent was killed', async () => {
    // Who else is in the network is in them, too.
    await untilSettled(world, CONTAINERS.map(ns));
    const rules = tables('h1');
    expect(rules).toContain('masquerade');
    inside('h1', 'nft', 'flush', 'ruleset');
    await until('the rules are back', async () => tables('h1') === rules, HEAL_MS);
    inside('h1', 'nft', 'add', 'table', 'inet', 'weft', '{ flags dormant; }');
    await until('the rules are awake', async () => tables('h1') === rules, HEAL_MS);
    inside('h1', 'sysctl', '-qw', 'net.ipv4.ip_forward=0');
    ip(
      '-n',
      ns('h1'),
      'link',
      'del',
      kernelJson<{ ifname: string }>('ip', ns('h1'), 'link').find(({ ifname }) => ifname.startsWith('wfg'))!
        .ifname,
    );
    await until('all is back', async () => (await talkTo(ns('c1'), OUTSIDE)).length === 0);
    await world.agent('h1').stop('SIGKILL');
    expect(await talkTo(ns('c1'), OUTSIDE)).toEqual([]);
    world.agent('h1').start();
    await world.untilConnected('h1');
    await sleep(500);
    expect(tables('h1')).toBe(rules);
    expect((await world.status('h1')).status?.drift ?? []).toEqual([]);
  });
});

test('another network’s way out writes nothing of the host’s that is so already', async () => {
  // What a host that is made to forward is given, so that it heeds its routers still: somebody wants it otherwise.
  inside('h1', 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=1');
  await network('green');
  await attach('h1', 'c4', 'green');
  await until('it leads out', async () => (await talkTo(ns('c4'), OUTSIDE)).length === 0);
  expect(inside('h1', 'sysctl', '-n', 'net.ipv6.conf.eth0.accept_ra').trim()).toBe('1');
});

test('a way out whose route on the host somebody flushed has it again', async () => {
  const onHost = (...words: string[]) => ip('-n', ns('h1'), ...words);
  const routes = () =>
    ['-4', '-6']
      .flatMap((family) => onHost(family, 'route', 'show', 'table', 'main').trim().split('\n'))
      .sort();
  const were = routes();
  for (const family of ['-4', '-6']) onHost(family, 'route', 'flush', 'table', 'main');
  onHost('route', 'add', '10.99.0.0/24', 'dev', 'eth0');
  onHost('route', 'add', 'fd99::/64', 'dev', 'eth0');
  await until('it leads out', async () => (await talkTo(ns('c1'), OUTSIDE)).length === 0);
  const ways = (all: string[]) => all.filter((line) => /240\.|fd77/.test(line));
  expect(ways(routes())).toEqual(ways(were));
  await until('nothing drifts', async () => !(await world.status('h1')).status?.drift?.length);
});

test.each([
  ['name', 'eve0'],
  ['name', 'wfeve'],
  ['group', '0'],
  ['netns', 'outside'],
])('a way out whose end on the host is given another %s (%s) is made anew', async (what, value) => {
  await untilSettled(world, CONTAINERS.map(ns));
  const links = (host = 'h1') =>
    kernelJson<{ ifname: string; group: string }>('ip', ns(host), 'link')
      .map(({ ifname, group }) => `${ifname} ${group}`)
      .sort();
  const [were, elsewhere] = [links(), links('outside')];
  const end = were.find((line) => line.startsWith('wfg'))!.split(' ')[0]!;
  ip('-n', ns('h1'), 'link', 'set', end, what, what === 'netns' ? ns(value) : value);
  await until('it is back', async () => links().join() === were.join(), HEAL_MS);
  expect(links('outside')).toEqual(elsewhere);
  await until('it leads out', async () => (await talkTo(ns('c1'), OUTSIDE)).length === 0);
  await untilSettled(world, CONTAINERS.map(ns));
});

describe('a published port', () => {
  test('that a program of the host has is refused, with who has it, until it is free', async () => {
    const program = await startEcho(ns('h1'));
    servers.push(program);
    for (const mapping of ['7:7', '7:9/udp', `${HOST1[0]}:7:7`])
      await expect(publish('c1', mapping)).rejects.toThrow(
        new RegExp(`is in use by node \\(pid ${program.pid}\\) on this host`),
      );
    program.kill('SIGKILL');
    await until('it is free', () => publish('c1', '7:7'));
    await callOk(world.agentSocket('h1'), 'ControllerService/UnpublishPort', { endpoint: 'c1' });
  });

  test('that was wished for elsewhere, though a program has it, is told with who has it, until it is free', async () => {
    const noticesOf = async (host: string) =>
      ((await world.status(host)).status?.notices ?? []).filter(({ code }) => code === 'port-taken');
    const program = await startEcho(ns('h1'));
    servers.push(program);
    const wish = { endpoint: 'c1', mapping: '7:7' };
    // The other host's agent cannot know what h1 has not told yet.
    await world.endpointOf('c1');
    await callOk(world.agentSocket('h2'), 'ControllerService/PublishPort', wish);
    await until('it is told', async () => (await noticesOf('h1')).length > 0);
    expect(await noticesOf('h1')).toMatchObject([
      {
        sentence: expect.stringContaining(
          `Port 7/tcp of h1 is published for endpoint c1 on host h1, and node (pid ${program.pid})`,
        ),
        next: expect.stringContaining('weft unpublish c1 7:7/tcp'),
      },
    ]);
    expect(await noticesOf('h2')).toEqual([]);
    program.kill('SIGKILL');
    await until('no more', async () => (await noticesOf('h1')).length === 0);
    await callOk(world.agentSocket('h1'), 'ControllerService/UnpublishPort', { endpoint: 'c1' });
  });

  test('takes nothing from ::1: a program has it there still, and nobody waits for an answer', async () => {
    const dial = (host: string) =>
      inside(
        'h1',
        ...[process.execPath, '-e'],
        `const socket = require('node:net').connect({ host: '${host}', port: 7, timeout: 3000 });
         const end = (how) => { console.log(how); process.exit(); };
         socket.on('timeout', () => end('silence')).on('error', ({ code }) => end(code));
         socket.on('data', (data) => end(String(data))).on('connect', () => socket.write('hello'));`,
      ).trim();
    await publish('c1', '7:7');
    await until('it is open', async () => dial('127.0.0.1') === 'hello', 5_000);
    expect([dial('127.0.0.1'), dial('::1')]).toEqual(['hello', 'ECONNREFUSED']);
    const answer = `require('node:net').createServer((socket) => socket.end('mine')).listen(7, '::1', () => console.log('ready'))`;
    const program = spawn('nsenter', [`--net=/run/netns/${ns('h1')}`, process.execPath, '-e', answer]);
    servers.push(program);
    await once(program.stdout, 'data');
    expect([dial('127.0.0.1'), dial('::1')]).toEqual(['hello', 'mine']);
    expect((await world.status('h1')).status?.notices ?? []).toEqual([]);
    program.kill('SIGKILL');
  });

  test('at the address of another machine takes nothing from that machine', async () => {
    await publish('c1', `${OUTSIDE[0]}:7:9`);
    await until('it is open', async () => tables('h1').includes(`ip daddr ${OUTSIDE[0]}`));
    expect(await talkTo(ns('h1'), [OUTSIDE[0]!])).toEqual([]);
    expect(await talkTo(ns('c2'), [OUTSIDE[0]!])).toEqual([]);
  });

  test('is reached from outside, from the host itself and by hairpin, whoever asks; and is closed again', async () => {
    await publish('c1', '7:7');
    await publish('c1', '7:7/udp');
    await until('it is open', async () => (await talkTo(ns('outside'), HOST1)).length === 0);
    expect(await talkTo(ns('h1'), [...HOST1, '127.0.0.1'])).toEqual([]);
    expect(await talkTo(ns('h2'), HOST1)).toEqual([]);
    for (const container of ['c1', 'c2', 'c3']) expect(await talkTo(ns(container), HOST1)).toEqual([]);
    inside('h1', 'nft', 'flush', 'ruleset');
    await until('it is open again', async () => (await talkTo(ns('outside'), HOST1)).length === 0);
    await callOk(world.agentSocket('h1'), 'ControllerService/UnpublishPort', { endpoint: 'c1' });
    await until('it is closed', async () => (await talkTo(ns('outside'), [HOST1[0]!])).length === 2);
  });
});
