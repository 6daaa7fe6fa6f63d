import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../world/api.ts';
import { bridge, ip, kernelJson } from '../world/namespaces.ts';
import { expectSame, isAtRest, lookAtHost, nft, StrangeBridge } from '../world/strange-bridge.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, type Outcome, outcomeOf, PROGRAM, pings, startCommand } from './lab-cli.ts';

/** Bridges that something else made, one on each host with the same gateway address, joined and let go again. */

let world: World;
const bridges = new Map<string, StrangeBridge>();
const before = new Map<string, string[]>();
const macs = {
  a1: '02:42:ac:12:00:02',
  a2: '02:42:ac:12:00:03',
  b1: '02:42:ac:12:00:04',
  b2: '02:42:ac:12:00:05',
};
type Container = keyof typeof macs;
const numbers: Record<Container, number> = { a1: 2, a2: 3, b1: 4, b2: 5 };
/** As Docker's: the same on every host. */
const GATEWAYS = ['172.18.0.1/16', 'fd18::1/64', 'fe80::1/64'];
const v6 = (name: Container): string => `fd18::${numbers[name]}`;
const v4 = (name: Container): string => `172.18.0.${numbers[name]}`;

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  await world.startAll();
  for (const host of ['h1', 'h2'])
    bridges.set(host, new StrangeBridge(world.containerOf(host), 'strange0', GATEWAYS));
  for (const name of Object.keys(macs) as Container[]) {
    world.addNamespace(name);
    plug(name.startsWith('a') ? 'h1' : 'h2', name);
  }
  for (const host of ['h1', 'h2']) {
    await until(`${host} is at rest`, async () => isAtRest(world.containerOf(host)));
    before.set(host, lookAtHost(world.containerOf(host)));
  }
});
afterAll(() => world?.remove());

const plug = (host: string, name: Container) =>
  bridges.get(host)!.plug(world.containerOf(name), [`${v4(name)}/16`, `${v6(name)}/64`], macs[name]);

const weft = (host: string, ...words: readonly string[]): Promise<Outcome> =>
  outcomeOf(startCommand([process.execPath, PROGRAM, ...words, '--root', world.rootOf(host)]));

async function weftOk(host: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await weft(host, ...words);
  if (code !== 0) throw new Error(`weft ${words.join(' ')}: ${code}\n${stderr}${stdout}${world.logs()}`);
  return stdout;
}

const reaches = (from: Container, to: string, ...more: readonly string[]) =>
  pings(world.containerOf(from), to, ...more);
/** Without what follows from who has spoken lately. */
const steady = (host: string): string[] =>
  lookAtHost(host).filter((line) => !/^fdb.*wfx/.test(line) || line.includes('00:00:00:00:00:00'));
const tunnelOn = (host: string) =>
  kernelJson<{ ifname: string; master?: string; mtu: number; address: string }>(
    'ip',
    world.containerOf(host),
    'link',
  ).find(({ ifname }) => ifname.startsWith('wfx'));
const rowsOn = (host: string) =>
  kernelJson<{ mac: string; dst?: string; ifname: string }>('bridge', world.containerOf(host), 'fdb')
    .filter(({ ifname, dst }) => ifname.startsWith('wfx') && dst)
    .map(({ mac, dst }) => `${mac} ${dst}`)
    .sort();

describe.sequential.each(['static', 'flood'])('in mode %s', (mode) => {
  test('unreachable before', async () => {
    expect(await reaches('a1', v4('b1'))).toBe(false);
  });

  test('adopted on both hosts, they reach each other', async () => {
    await weftOk('h1', 'network', 'adopt', 'strange0', '--network', 'shared', '--mode', mode);
    await weftOk('h2', 'network', 'adopt', 'strange0', '--network', 'shared');
    for (const [from, to] of [
      ['a1', 'b1'],
      ['b2', 'a2'],
    ] as const)
      for (const address of [v4(to), v6(to)])
        await until(`${from} reaches ${address}`, () => reaches(from, address));
  });

  test('who has which address is heard', async () => {
    const both = (['a1', 'b1'] as const).map((name) => ({
      mac: macs[name],
      addresses: [v4(name), v6(name)],
    }));
    // Who remembers another's MAC asks nobody.
    ip('-n', world.containerOf('a1'), 'neigh', 'flush', 'all');
    for (const address of [v4('b1'), v6('b1')]) expect(await reaches('a1', address)).toBe(true);
    await until('all are told', async () => {
      const { body } = await call(world.controllerSocket, 'ControllerService/ListRecords');
      const adoptions = body.records.flatMap((record: { adoption?: Adopted }) => record.adoption ?? []);
      const stations = adoptions.flatMap(({ stations = [] }: Adopted) => stations);
      expect(stations).toEqual(expect.arrayContaining(both.map((each) => expect.objectContaining(each))));
      return true;
    });
  });

  test('who speaks is known to the others, who never did is reached all the same', async () => {
    if (mode !== 'static') return;
    await until('a1 and b1 are known', async () => {
      const rows = rowsOn('h1');
      return rows.includes(`${macs.b1} 10.99.0.2`) && rowsOn('h2').includes(`${macs.a1} 10.99.0.1`);
    });
  });

  test('the mode is changed while they speak', async () => {
    if (mode !== 'static') return;
    for (const to of ['p2p', 'flood', 'static']) {
      await weftOk('h1', 'network', 'set-mode', 'shared', to);
      for (const name of ['b1', 'a2'] as const) ip('-n', world.containerOf(name), 'neigh', 'flush', 'all');
      expect([to, await reaches('b1', v4('a1')), await reaches('a2', v6('b2'))]).toEqual([to, true, true]);
    }
  });

  test('each container keeps its own host’s gateway, and nobody hears of the other', async () => {
    for (const [name, host] of [
      ['a1', 'h1'],
      ['b1', 'h2'],
    ] as const)
      for (const gateway of ['172.18.0.1', 'fd18::1']) {
        ip('-n', world.containerOf(name), 'neigh', 'flush', 'all');
        expect(await reaches(name, gateway)).toBe(true);
        const neighbours = kernelJson<{ lladdr: string }>(
          'ip',
          world.containerOf(name),
          'neigh',
          'show',
          gateway,
        );
        expect(neighbours.map(({ lladdr }) => lladdr)).toEqual([bridges.get(host)!.mac]);
      }
    expect(await pings(world.containerOf('h1'), v4('b1'))).toBe(false);
    const seen = kernelJson<{ dst: string; lladdr?: string }>('ip', world.containerOf('b1'), 'neigh');
    expect(seen.filter(({ lladdr }) => lladdr === bridges.get('h1')!.mac)).toEqual([]);
  });

  test('a full frame passes, in two outer packets', async () => {
    expect(await reaches('a1', v4('b1'), '-s', '1472', '-M', 'dont')).toBe(true);
  });

  test('what others undo is done again within a second', async () => {
    const host = world.containerOf('h1');
    const { ifname } = tunnelOn('h1')!;
    const damages = {
      deleted: () => ip('-n', host, 'link', 'del', ifname),
      'taken out': () => ip('-n', host, 'link', 'set', ifname, 'nomaster'),
      'set down': () => ip('-n', host, 'link', 'set', ifname, 'down'),
      'without rules': () => nft(host, 'flush', 'ruleset'),
      'without a rule': () => nft(host, 'flush', 'chain', 'bridge', 'weft', `${ifname}-out`),
      'without the way to h2': () =>
        bridge('-n', host, 'fdb', 'del', '00:00:00:00:00:00', 'dev', ifname, 'dst', '10.99.0.2'),
    };
    for (const [damage, damaging] of Object.entries(damages)) {
      const undressed = () => steady(host).filter((line) => !/^link|^address|^port/.test(line));
      const whole = undressed();
      damaging();
      await until(
        `${damage}: it is back`,
        async () => {
          expectSame(undressed(), whole);
          const tunnel = tunnelOn('h1');
          return tunnel?.master === 'strange0' && (await reaches('a1', v4('b1')));
        },
        2000,
      );
    }
  });

  test('a firewall that drops what crosses the bridge is named, with the rule', async () => {
    if (mode !== 'static') return;
    const inside = (...words: readonly string[]) =>
      execFileSync('nsenter', [`--net=/run/netns/${world.containerOf('h1')}`, ...words]);
    const says = async () => JSON.stringify(await world.status('h1')).includes('adopted-filtered');
    inside('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1');
    inside('iptables', '-P', 'FORWARD', 'DROP');
    await until('it is said', says, 30_000);
    expect(await reaches('a1', v4('b1'))).toBe(false);
    // As the notice has it.
    inside('iptables', '-I', 'FORWARD', '-i', 'strange0', '-o', 'strange0', '-j', 'ACCEPT');
    expect(await reaches('a1', v4('b1'))).toBe(true);
    await until('it is said no more', async () => !(await says()), 30_000);
    inside('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0');
    inside('nft', 'delete', 'table', 'ip', 'filter');
  });

  test('one who moves to the other host is reached there', async () => {
    bridges.get('h1')!.unplug(world.containerOf('a2'));
    plug('h2', 'a2');
    expect(await reaches('a2', v4('a1'))).toBe(true);
    await until('a1 reaches a2 on h2', () => reaches('a1', v4('a2')));
    bridges.get('h2')!.unplug(world.containerOf('a2'));
    plug('h1', 'a2');
    expect(await reaches('a2', v4('b1'))).toBe(true);
    await until('b1 reaches a2 on h1', () => reaches('b1', v4('a2')));
  });

  test('a bridge that its owner makes anew is joined again', async () => {
    const own = bridges.get('h2')!;
    own.remove();
    await until('h2 says so', async () =>
      JSON.stringify(await world.status('h2')).includes('adopted-bridge-missing'),
    );
    expect(tunnelOn('h2')).toBeUndefined();
    for (const name of ['b1', 'b2'] as const) own.unplug(world.containerOf(name));
    own.make();
    for (const name of ['b1', 'b2'] as const) plug('h2', name);
    before.set(
      'h2',
      lookAtHost(world.containerOf('h2')).filter((line) => !line.includes('wfx')),
    );
    await until('a1 reaches b1', () => reaches('a1', v4('b1')));
  });

  test('an agent that is killed leaves all as it is, and one that starts changes nothing', async () => {
    const both = () => ['h1', 'h2'].flatMap((host) => steady(world.containerOf(host)));
    const whole = both();
    await world.agent('h1').stop('SIGKILL');
    expect(await reaches('a1', v4('b1'))).toBe(true);
    world.agent('h1').start();
    await world.untilConnected('h1');
    await until('both are at rest', async () => {
      expectSame(both(), whole);
      return true;
    });
  });

  test('disowned, the bridges are as they were', async () => {
    for (const host of ['h1', 'h2']) await weftOk(host, 'network', 'disown', 'strange0');
    for (const host of ['h1', 'h2']) expect(tunnelOn(host)).toBeUndefined();
    expectSame(lookAtHost(world.containerOf('h1')), before.get('h1')!);
    expect(await reaches('a1', v4('b1'))).toBe(false);
    await weftOk('h1', 'network', 'rm', 'shared');
  });
});

test.each([
  [
    ['network', 'adopt', 'nowhere'],
    'bridge "nowhere": is no interface of this host\n  fix: bridges here: strange0',
  ],
  [
    ['network', 'adopt', 'eth0'],
    'bridge "eth0": is not a bridge but an interface of kind veth\n  fix: bridges here: strange0',
  ],
  [['network', 'adopt', 'strange0', '--mode', 'proxy'], 'mode "proxy": answers only for whom Weft knows'],
  [['network', 'adopt', 'strange0', '--mode', 'multicast'], 'mode "multicast": takes no frame larger'],
  [['network', 'adopt', 'strange0', '--network', ''], 'network "": is not a valid name'],
  [['network', 'adopt', 'strange0', '--vni', 'x'], 'vni "x": is not a plain number'],
  [['network', 'adopt', 'strange0', '--vni', '0', '--ttl', '0'], 'vni "0": is not a VNI'],
  [['network', 'disown', 'strange0'], 'bridge "strange0": is not adopted on host h1'],
])('weft %j is refused with what is wrong', async (words, problem) => {
  const looked = lookAtHost(world.containerOf('h1'));
  const { code, stderr } = await weft('h1', ...words);
  expect(code).not.toBe(0);
  expect(stderr).toContain(problem);
  expectSame(lookAtHost(world.containerOf('h1')), looked);
});

test('a dry run shows the commands and does nothing', async () => {
  const shown = await weftOk('h1', 'network', 'adopt', 'strange0', '--dry-run');
  expect(shown).toMatch(/ip link add wfx[0-9a-f]+ group 2003134068 type vxlan .* local 10\.99\.0\.1/);
  expect(shown).toContain('nft add rule bridge weft');
  expectSame(lookAtHost(world.containerOf('h1')), before.get('h1')!);
  const { body } = await call(world.controllerSocket, 'ControllerService/ListRecords');
  expect(JSON.stringify(body)).not.toContain('adoption');
});

interface Adopted {
  readonly stations?: readonly { readonly mac: string; readonly addresses: readonly string[] }[];
}
