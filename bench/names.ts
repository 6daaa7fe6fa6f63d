import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ToResolver } from '#api/names-feed.ts';
import { runOrThrow, spawnIn } from '#lab/run.ts';
import type { Ip } from '#model/ip.ts';
import type { NamedEndpoint } from '#model/named.ts';
import { close } from '#netlink/libc.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { testId } from '#plan/test-world.ts';
import type { Bench } from './bench.ts';
import { atLeast, atMost, figure, median, ratio, slowness } from './figure.ts';
import { compileFloor } from './floor.ts';
import { onGround } from './ground.ts';
import { cpuMs } from './process.ts';

const MEASURE_MS = 1000;
/** Under way at once, to keep a server busy; fewer than would wait for each other for long. */
const WINDOW = 32;
/** What the echo answered a second of its core where the goals were set. */
const REFERENCE_ECHOES_PER_SECOND = 115_000;
/** And how long one in a hundred took there, with as many under way. */
const REFERENCE_ECHO_P99_US = 570;
const NETWORK = testId('network', 1);

/** The least that a server in Node does: it sends back what it gets. */
const ECHO = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (message, { port, address }) => socket.send(message, port, address, () => {}));
socket.bind(53, '127.0.0.11', () => console.log('ready'));
`;

/**
 * The resolver's answers to a container, through the rule in its namespace, by a program in C that asks one name again
 * and again; beside it the same program and a bare echo in Node, without a rule.
 */
export const names: Bench = (options) =>
  onGround(options, [2], async (ground) => {
    const count = options.endpoints ?? 10_000;
    const [served, bare] = ground.host(1).containers.map(({ namespace }) => namespace) as [string, string];
    for (const namespace of [served, bare])
      await runOrThrow('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
    const lookups = await compileFloor('lookups');
    const resolver = await startResolver(options.program, ground.layout.directory, served, count);
    const echo = spawnIn(bare, process.execPath, ['-e', ECHO], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(echo.stdout!, 'data');
    const rounds: { ours: Asked; forAddress: Asked; floor: Asked }[] = [];
    try {
      for (let i = 0; i < (options.repeat ?? 5); i++)
        rounds.push({
          floor: await ask(lookups, bare, echo, 'name7'),
          ours: await ask(lookups, served, resolver, `name${i * 7}`),
          forAddress: await ask(lookups, served, resolver, `name${i * 7}.app.weft.internal`),
        });
    } finally {
      echo.kill('SIGKILL');
      resolver.kill('SIGKILL');
    }
    const of = (who: keyof (typeof rounds)[number], what: keyof Asked) =>
      rounds.map((round) => round[who][what]);
    const slow = slowness(1 / median(of('floor', 'perCoreSecond')), 1 / REFERENCE_ECHOES_PER_SECOND);
    const slowP99 = slowness(median(of('floor', 'p99Us')), REFERENCE_ECHO_P99_US);
    return {
      name: 'names',
      metrics: {
        lookupsPerCoreSecond: atLeast(50_000 / slow, figure(of('ours', 'perCoreSecond'))),
        fullNamesPerCoreSecond: figure(of('forAddress', 'perCoreSecond')),
        lookupP50Us: figure(of('ours', 'p50Us')),
        lookupP99Us: atMost(1000 * slowP99, figure(of('ours', 'p99Us'))),
      },
      floor: {
        echoesPerCoreSecond: figure(of('floor', 'perCoreSecond')),
        echoP50Us: figure(of('floor', 'p50Us')),
        echoP99Us: figure(of('floor', 'p99Us')),
      },
      ratios: {
        perCoreSecond: ratio(of('ours', 'perCoreSecond'), of('floor', 'perCoreSecond')),
        p99: ratio(of('ours', 'p99Us'), of('floor', 'p99Us')),
      },
    };
  });

interface Asked {
  readonly perCoreSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

async function ask(program: string, namespace: string, server: ChildProcess, name: string): Promise<Asked> {
  const before = cpuMs(server.pid!);
  const words = ['127.0.0.11', name, String(MEASURE_MS), String(WINDOW)];
  const said = (await runOrThrow(program, words, { namespace })).trim().split(' ').map(Number);
  const [perSecond, p50Us, p99Us, lost, wrong] = said as [number, number, number, number, number];
  // The echo's answers have none.
  if (!server.spawnargs.includes(ECHO) && wrong > 0)
    throw new Error(`${wrong} answers for ${name} were none`);
  if (lost > 0) throw new Error(`${lost} look-ups were not answered within a second`);
  return { perCoreSecond: (perSecond * MEASURE_MS) / (cpuMs(server.pid!) - before), p50Us, p99Us };
}

/** As an agent starts it and tells it: a network of so many names, and one container in it. */
async function startResolver(
  program: string,
  directory: string,
  namespace: string,
  count: number,
): Promise<ChildProcess> {
  const socket = path.join(directory, 'names.sock');
  const resolver = path.join(path.dirname(program), 'resolver.js');
  const child = spawnIn(undefined, process.execPath, [resolver, socket], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const agent = await connected(socket);
  const tell = (message: ToResolver) => agent.write(`${JSON.stringify(message)}\n`);
  const hears = once(readline.createInterface({ input: agent }), 'line');
  const endpoints = Array.from(
    { length: count },
    (_, i) =>
      ({
        id: testId('endpoint', i),
        network: NETWORK,
        name: `name${i}`,
        aliases: [`alias${i}`],
        addresses: [`10.1.${i >> 8}.${i & 255}` as Ip],
      }) satisfies NamedEndpoint,
  );
  const network = { id: NETWORK, name: 'app', subnets: [] };
  tell({ say: 'names', networks: [network], endpoints, gone: [], revision: 1 });
  tell({ say: 'current', isCurrent: true });
  const where = namedNamespacePath(namespace);
  const opened = openNamespace(where);
  if (typeof opened === 'string') throw new Error(`${where}: ${opened}`);
  close(opened.fd);
  tell({ say: 'sandboxes', sandboxes: [{ path: where, cookie: opened.cookie, networks: [NETWORK] }] });
  await hears;
  await sleep(500);
  return child;
}

async function connected(socket: string): Promise<net.Socket> {
  for (;;) {
    const agent = net.connect(socket);
    try {
      await once(agent, 'connect');
      return agent;
    } catch {
      await sleep(20);
    }
  }
}
