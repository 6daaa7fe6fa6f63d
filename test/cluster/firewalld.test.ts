import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MortalDaemon } from '#lab/machine/mortal-daemon.ts';
import { callOk } from '../world/api.ts';
import { absenceOf, fetchDocker } from '../world/docker-engine.ts';
import { Firewalld } from '../world/firewalld.ts';
import { ip, plugIn } from '../world/namespaces.ts';
import { startEcho, talkTo } from '../world/talk.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM, weftOk } from './lab-cli.ts';

/**
 * Debian's firewalld on h1, which rejects what none of its zones lets pass. A container leaves there and publishes a
 * port, and h1 is in `red` itself, for a machine outside that knows red as behind h1.
 */

const OUTSIDE = ['10.99.0.201', 'fd99::201'];
const HOST1 = ['10.99.0.1', 'fd99::1'];
const SUBNETS = ['10.1.0.0/16', 'fd00:1::/64'];

fetchDocker();
const absence = absenceOf('firewalld');

describe.sequential('a host with firewalld', () => {
  if (absence) return test.skip(absence);
  const world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  const ns = (name: string) => world.containerOf(name);
  const servers: { kill: (signal: 'SIGKILL') => void }[] = [];
  let firewalld: Firewalld;

  beforeAll(async () => {
    buildIfStale();
    plugIn(ns('wire'), world.addNamespace('outside'), 200);
    const directory = path.join(world.directory, 'firewalld');
    const enter = ['nsenter', `--net=/run/netns/${ns('h1')}`];
    const log = path.join(world.directory, 'firewalld.log');
    firewalld = new Firewalld(directory, (command) => new MortalDaemon([...enter, ...command], log));
    await firewalld.start();
    await world.startAll();
    for (const name of ['c1', 'c2']) servers.push(await startEcho(world.addNamespace(name)));
    servers.push(await startEcho(ns('outside')));
    for (const [i, subnet] of SUBNETS.entries())
      ip('-n', ns('outside'), 'route', 'add', subnet, 'via', HOST1[i]!);
    await callOk(world.controllerSocket, 'ControllerService/CreateNetwork', {
      name: 'red',
      subnets: SUBNETS,
    });
    for (const [host, name] of [
      ['h1', 'c1'],
      ['h2', 'c2'],
    ] as const)
      expect((await world.attachTo(host, name, 'red')).ok).toBe(true);
    for (const mapping of ['7:7', '7:7/udp'])
      await callOk(world.agentSocket('h1'), 'ControllerService/PublishPort', { endpoint: 'c1', mapping });
    await weftOk(['expose', 'red', '--root', world.rootOf('h1')]);
  });
  afterAll(async () => {
    for (const server of servers) server.kill('SIGKILL');
    await firewalld?.kill();
    await world.remove();
  });

  const addressesOf = async (name: string) => (await world.endpointOf(name)).addresses;
  /** What does not come through h1: between the hosts, out, to the published port, and by it to containers. */
  async function lost(): Promise<typeof NOTHING> {
    const [c1, c2] = [await addressesOf('c1'), await addressesOf('c2')];
    const [tunnel, back, out, published, exposed] = await Promise.all([
      talkTo(ns('c1'), c2),
      talkTo(ns('c2'), c1),
      talkTo(ns('c1'), OUTSIDE),
      talkTo(ns('outside'), HOST1),
      talkTo(ns('outside'), [...c1, ...c2]),
    ]);
    return { tunnel, back, out, published, exposed };
  }
  const NOTHING: Readonly<Record<'tunnel' | 'back' | 'out' | 'published' | 'exposed', string[]>> = {
    tunnel: [],
    back: [],
    out: [],
    published: [],
    exposed: [],
  };
  const noticed = async () =>
    ((await world.status('h1')).status?.notices ?? []).find(({ code }) => code === 'forward-dropped');

  test('what it rejects is told, and what is said helps', async () => {
    await firewalld.cmd('--permanent', '--add-port=4789/udp');
    await firewalld.cmd('--reload');
    await until('it is told', async () => !!(await noticed()));
    const { sentence, next } = (await noticed())!;
    expect(sentence).toContain('containers here do not get out; exposed networks are not reached');
    const { out, exposed, ...rest } = await lost();
    expect(rest).toEqual({ tunnel: [], back: [], published: [] });
    expect([out.length, exposed.length]).toEqual([4, 8]);
    for (const command of next.split('; ').filter((each) => each.startsWith('firewall-cmd ')))
      await firewalld.cmd(...command.split(' ').slice(1));
    await until('it is known', async () => !(await noticed()));
    expect(await lost()).toEqual(NOTHING);
  });

  test.each(['--reload', '--complete-reload'])('%s takes nothing away', async (how) => {
    await firewalld.cmd(how);
    expect(await lost()).toEqual(NOTHING);
    await until('nothing is told', async () => !(await noticed()));
  });

  test('stopped, killed and started again, it is the same', async () => {
    await firewalld.stop();
    expect(await lost()).toEqual(NOTHING);
    await firewalld.start();
    expect(await lost()).toEqual(NOTHING);
    await firewalld.kill();
    await firewalld.start();
    expect(await lost()).toEqual(NOTHING);
    await until('nothing is told', async () => !(await noticed()));
  });
});
