import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DemoContainer, DemoReport, DemoTunnel } from '#lab/demo/report.ts';
import type { FdbJson, NeighbourJson } from '../world/kernel-lines.ts';
import { buildIfStale, demo, kernelJson, pings, weftOk } from './lab-cli.ts';

/** 3 hosts × 2 containers × 2 networks, in each mode. `ip`, `bridge` and `ping` are the witnesses. */

const NAME = 'matrix';
const FAMILIES = [4, 6] as const;

interface PortJson {
  readonly ifname: string;
  readonly learning: boolean;
  readonly flood: boolean;
  readonly mcast_flood: boolean;
  readonly bcast_flood: boolean;
  readonly hairpin: boolean;
}

const bare = (address: string): string => address.replace(/\/\d+$/, '');
const containersOf = ({ topology }: DemoReport): DemoContainer[] =>
  topology.hosts.flatMap((host) => host.containers);
/** Every container that the tunnel's device must know: of its network, on the other hosts. */
const remotes = (report: DemoReport, host: string, { network }: DemoTunnel): DemoContainer[] =>
  containersOf(report).filter((each) => each.network === network && each.host !== host);
const vtepOf = (report: DemoReport, host: string): string =>
  bare(report.topology.hosts.find(({ name }) => name === host)!.addresses[0]!);

beforeAll(buildIfStale);

describe.each(['flood', 'static', 'proxy'] as const)('mode %s', (mode) => {
  let report: DemoReport;
  beforeAll(async () => {
    await weftOk(['lab', 'down', '--name', NAME]);
    report = await demo(NAME, '--hosts', '3', '--containers', '2', '--networks', '2', '--mode', mode);
  });
  afterAll(() => weftOk(['lab', 'down', '--name', NAME]));

  test('all pairs of one network reach each other over IPv4 and IPv6', () => {
    expect(containersOf(report)).toHaveLength(12);
    expect(report.reach).toHaveLength(2 * 6 * 5 * FAMILIES.length);
    expect(report.reach.filter(({ received }) => received === 0)).toEqual([]);
  });

  test('no pair across networks does, even as neighbours on the same wire', async () => {
    const pairs = containersOf(report).flatMap((from) =>
      containersOf(report)
        .filter((to) => to.network !== from.network)
        .flatMap((to) => {
          const [ipv4, ...rest] = to.addresses.map(bare);
          const linkLocal = rest.find((address) => address.startsWith('fe80:'))!;
          return [ipv4!, linkLocal].map((address) => ({ from, address }));
        }),
    );
    expect(pairs).toHaveLength(2 * 6 * 6 * FAMILIES.length);
    const answers = await Promise.all(
      pairs.map(async ({ from, address }) =>
        (await pings(from.namespace, '-I', from.interface, address)) ? `${from.namespace} → ${address}` : [],
      ),
    );
    expect(answers.flat()).toEqual([]);
  });

  test('these probes would see a leak: within the network the same kind of ping is answered', async () => {
    const [from, ...others] = containersOf(report).filter(({ network }) => network === 'blue');
    const addresses = others
      .flatMap(({ addresses }) => addresses.map(bare))
      .filter((address) => !address.startsWith('fd'));
    const answers = await Promise.all(
      addresses.map((address) => pings(from!.namespace, '-I', from!.interface, address)),
    );
    expect(answers).toEqual(Array(10).fill(true));
  });

  test(
    mode === 'proxy'
      ? 'no ARP and no neighbour solicitation crossed the underlay (MLD and router solicitations do not count)'
      : 'ARP and neighbour solicitations crossed the underlay, as the mode says',
    () => {
      const { tunnelled, dropped } = report.underlay;
      const {
        'arp-request': arp = 0,
        'neighbour-solicitation': solicitations = 0,
        'icmp-echo': echoes = 0,
      } = tunnelled;
      expect(dropped).toBe(0);
      // Two echoes and two answers for each of the 4 × 6 pairs between hosts, in two networks and two families.
      expect(echoes).toBe(4 * 24 * 2 * 2);
      if (mode === 'proxy') expect([arp, solicitations]).toEqual([0, 0]);
      else expect([arp > 0, solicitations > 0]).toEqual([true, true]);
      expect(report.resolution!.copiesOnUnderlay).toBe(mode === 'proxy' ? 0 : 2);
    },
  );

  test('ip -d link: the VXLAN devices have the flags of the mode', () => {
    for (const host of report.topology.hosts)
      for (const { namespace, vni } of host.tunnels) {
        const [link] = kernelJson<{ linkinfo: { info_data: object } }[]>(
          'ip',
          namespace,
          '-d',
          'link',
          'show',
          'vxlan0',
        );
        expect(link).toMatchObject({
          mtu: 1450,
          master: 'br0',
          operstate: expect.stringMatching(/UNKNOWN|UP/),
        });
        const data = link!.linkinfo.info_data as Record<string, unknown>;
        expect(data).toMatchObject({ id: vni, port: 4789, local: vtepOf(report, host.name), ttl: 64 });
        expect(data.learning).toBe(mode === 'flood');
        expect(data.proxy ?? false).toBe(mode === 'proxy');
        expect([data.l2miss ?? false, data.l3miss ?? false]).toEqual([false, false]);
      }
  });

  test('bridge fdb: every other VTEP for unknown frames; every remote MAC unless the mode learns', () => {
    for (const host of report.topology.hosts)
      for (const tunnel of host.tunnels) {
        const rows = kernelJson<FdbJson[]>('bridge', tunnel.namespace, 'fdb', 'show', 'dev', 'vxlan0').filter(
          ({ dst }) => dst,
        );
        const others = report.topology.hosts
          .filter(({ name }) => name !== host.name)
          .map(({ name }) => vtepOf(report, name));
        const zero = rows.filter(({ mac }) => mac === '00:00:00:00:00:00');
        expect(zero.map(({ dst }) => dst).sort()).toEqual(others.sort());
        const unicast = rows.filter((row) => !zero.includes(row));
        const where = unicast.map(({ mac, dst }) => `${mac} ${dst}`).sort();
        const known = remotes(report, host.name, tunnel)
          .map((each) => `${each.mac} ${vtepOf(report, each.host)}`)
          .sort();
        expect(where).toEqual(known);
        // Learned rows have no state of their own, and age; written ones are permanent.
        expect(new Set(unicast.map(({ state }) => state ?? ''))).toEqual(
          new Set([mode === 'flood' ? '' : 'permanent']),
        );
      }
  });

  test('ip neigh: with proxy every remote address and its link-local, else nothing', () => {
    for (const host of report.topology.hosts)
      for (const tunnel of host.tunnels) {
        const rows = kernelJson<NeighbourJson[]>('ip', tunnel.namespace, 'neigh', 'show', 'dev', 'vxlan0');
        const found = rows.map(({ dst, lladdr, state }) => `${dst} ${lladdr} ${state.join()}`).sort();
        const known = remotes(report, host.name, tunnel).flatMap(({ mac, addresses }) =>
          addresses.map((address) => `${bare(address)} ${mac} PERMANENT`),
        );
        expect(found).toEqual(mode === 'proxy' ? known.sort() : []);
      }
  });

  test('bridge link and fdb: ports learn nothing, containers get no stranger’s unicast, each MAC is behind its port', () => {
    for (const host of report.topology.hosts)
      for (const { namespace, network } of host.tunnels) {
        const members = host.containers.filter((container) => container.network === network);
        const ports = kernelJson<PortJson[]>('bridge', namespace, '-d', 'link', 'show');
        expect(ports).toHaveLength(members.length + 1);
        for (const port of ports)
          expect(port).toMatchObject({
            learning: false,
            flood: port.ifname === 'vxlan0',
            mcast_flood: true,
            bcast_flood: true,
            hairpin: false,
          });
        const behind = kernelJson<FdbJson[]>('bridge', namespace, 'fdb', 'show')
          .filter(
            ({ ifname, state, master }) => ifname !== 'vxlan0' && master === 'br0' && state === 'static',
          )
          .map(({ mac }) => mac);
        expect(behind.sort()).toEqual(members.map(({ mac }) => mac).sort());
      }
  });
});

describe('two networks with the same subnet', () => {
  const containers = ['h1', 'h2', 'h3'].flatMap((host, k) =>
    ['red', 'grey'].map((network, n) => ({
      host,
      network,
      namespace: `${NAME}same-${host}-${network}`,
      addresses: [`10.7.0.${10 + 2 * k + n}`, `fd07::${10 + 2 * k + n}`],
    })),
  );
  const onHost = (host: string, ...args: readonly string[]) =>
    weftOk(['lab', 'exec', '--name', NAME, host, '--', 'weft', ...args]);

  beforeAll(async () => {
    await weftOk(['lab', 'up', '--name', NAME, '--networks', '0']);
    for (const network of ['red', 'grey'])
      await onHost('h1', 'network', 'create', network, '--subnet', '10.7.0.0/24', '--subnet', 'fd07::/64');
    for (const { host, network, namespace, addresses } of containers) {
      execFileSync('ip', ['netns', 'add', namespace]);
      await onHost(
        host,
        'endpoint',
        'attach',
        namespace,
        network,
        ...addresses.flatMap((ip) => ['--ip', ip]),
      );
    }
  });
  afterAll(async () => {
    for (const { namespace } of containers) execFileSync('ip', ['netns', 'del', namespace]);
    await weftOk(['lab', 'down', '--name', NAME]);
  });

  test('each container reaches those of its own network, and none of the other', async () => {
    const pairs = containers.flatMap((from) =>
      containers
        .filter((to) => to !== from)
        .flatMap((to) => to.addresses.map((address) => ({ from, to, address }))),
    );
    const results = await Promise.all(
      pairs.map(async ({ from, to, address }) => ({
        pair: `${from.namespace} → ${to.namespace} ${address}`,
        answered: await pings(from.namespace, address),
        expected: from.network === to.network,
      })),
    );
    expect(results.filter(({ answered, expected }) => answered !== expected).map(({ pair }) => pair)).toEqual(
      [],
    );
    expect(results.filter(({ expected }) => expected)).toHaveLength(2 * 6 * 2);
  });
});
