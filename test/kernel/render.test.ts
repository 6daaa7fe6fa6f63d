import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyKernelState, type KernelState } from '#model/kernel-state.ts';
import { overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Network, StoredRecord, UnderlayFamily } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { desired, type HostRuntimeFacts } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { linkLocalOf } from '#plan/link-local.ts';
import { order } from '#plan/order.ts';
import { testEndpoint, testHost, testNetwork, testView } from '#plan/test-world.ts';

/**
 * The planned lines, run by a shell on hosts that the test makes, do what the mode table promises: the proof of
 * `desired`, `diff` and `order` that needs none of our own netlink code. Witnesses: ip(8), bridge(8), ping, tcpdump.
 */

const TAG = `r${String(process.pid).padStart(6, '0').slice(-6)}`;
const FABRIC = `${TAG}-fabric`;
const HOSTS = [1, 2] as const;
const hostNamespace = (host: number) => `${TAG}-h${host}`;
const containerNamespace = (endpoint: Endpoint) => `${TAG}-${endpoint.containerId}`;
const tagOf = (host: number) => `${TAG}${host}`;

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });
const ip = (line: string) => run('ip', ...line.split(' '));
// biome-ignore lint/suspicious/noExplicitAny: JSON of ip(8) and bridge(8)
const json = (line: string): any => JSON.parse(run(line.split(' ')[0]!, ...line.split(' ').slice(1)) || '[]');

const missing =
  process.getuid!() !== 0
    ? 'needs root to make network namespaces'
    : existsSync('/usr/bin/tcpdump') || existsSync('/usr/sbin/tcpdump')
      ? undefined
      : 'tcpdump is not installed (apt-get install tcpdump)';

/** Of the kernel's own making, where the modules are loaded. */
const FALLBACK = /^(tunl|gre|gretap|erspan|ip_vti|ip6_vti|ip6tnl|ip6gre|sit)0$/;

/** Two containers on the first host, two on the second: what stays inside a host is looked at too. */
const ENDPOINTS = [
  testEndpoint(11, 1, 1),
  testEndpoint(12, 1, 1),
  testEndpoint(21, 1, 2),
  testEndpoint(22, 1, 2),
];
const [C11, C12, C21, C22] = ENDPOINTS as [Endpoint, Endpoint, Endpoint, Endpoint];

describe.skipIf(missing)(`planned lines on a real kernel${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let directory: string;
  let states: KernelState[];

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-render-'));
    makeHosts();
    // A path that is none of /run/netns and needs quoting.
    symlinkSync(`/run/netns/${containerNamespace(C12)}`, oddPath());
    states = HOSTS.map(() => emptyKernelState());
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
    const names = ip('netns list')
      .split('\n')
      .map((line) => line.split(' ')[0]!);
    for (const name of names)
      if (name.startsWith(`${TAG}-`) || HOSTS.some((host) => name.startsWith(`weft-${tagOf(host)}-`)))
        ip(`netns del ${name}`);
  });

  const oddPath = () => join(directory, "it's a container");
  const pathOf = (endpoint: Endpoint) =>
    endpoint === C12 ? oddPath() : `/run/netns/${containerNamespace(endpoint)}`;

  /** Brings both hosts from their last state to that of the records, by `sh`. */
  function bringTo(records: readonly StoredRecord[]): string[] {
    return HOSTS.flatMap((host, index) => {
      const view = testView(records, host);
      const facts: HostRuntimeFacts = {
        hostTag: tagOf(host),
        containers: new Map(
          ENDPOINTS.map((endpoint) => [
            endpoint.id,
            { namespace: { path: pathOf(endpoint), dev: 4, inode: 1, cookie: endpoint.containerId } },
          ]),
        ),
      };
      const wished = desired(view, facts);
      const ops = diff(wished, withContainers(states[index]!), facts);
      const lines = order(ops).flatMap(({ op }) => renderOp(op));
      run('nsenter', `--net=/run/netns/${hostNamespace(host)}`, 'sh', '-e', '-c', lines.join('\n'));
      states[index] = wished;
      return lines;
    });
  }

  /** As if looked at: a container that is alive has at least `lo`. */
  function withContainers(state: KernelState): KernelState {
    const link = new Map(state.link);
    for (const endpoint of ENDPOINTS) {
      const ns = pathOf(endpoint);
      if (!link.has(`${ns} lo`))
        link.set(`${ns} lo`, { kind: 'link', ns, name: 'lo', up: false, detail: { type: 'loopback' } });
    }
    return { ...state, link };
  }

  const world = (network: Network): StoredRecord[] => [testHost(1), testHost(2), network, ...ENDPOINTS];

  /** Those that differ in what is written beforehand. */
  const WRITTEN_MODES: readonly TunnelMode[] = ['flood', 'static', 'proxy'];

  describe.each<[TunnelMode, UnderlayFamily]>([
    ...WRITTEN_MODES.map((mode): [TunnelMode, UnderlayFamily] => [mode, 'ipv4']),
    // The way back: one change in place that crosses no flag, two that build the device anew.
    ['flood', 'ipv4'],
    ['proxy', 'ipv6'],
    ['static', 'ipv6'],
  ])('%s over %s', (mode, underlay) => {
    const network = testNetwork(1, mode, underlay);

    it('can be run as they are, and once is enough', () => {
      expect(bringTo(world(network)).length).toBeGreaterThan(0);
      expect(bringTo(world(network))).toEqual([]);
    });

    it.each(HOSTS)('give host %i the VXLAN device of the mode table', (host) => {
      const [vxlan] = json(`ip -j -d -n ${overlayNamespace(tagOf(host), network.vni)} link show vxlan0`);
      const local = testHost(host).underlay[underlay === 'ipv4' ? 0 : 1];
      expect(vxlan).toMatchObject({ mtu: network.mtu, master: 'br0', inet6_addr_gen_mode: 'none' });
      expect(vxlan.flags).toContain('UP');
      expect(vxlan.linkinfo.info_data).toMatchObject({
        id: 1048577,
        port: 4789,
        [underlay === 'ipv4' ? 'local' : 'local6']: local,
        ttl: 64,
        learning: mode === 'flood',
      });
      const flags = ['proxy', 'l2miss', 'l3miss'].filter((flag) => vxlan.linkinfo.info_data[flag]);
      expect(flags).toEqual(mode === 'proxy' ? ['proxy'] : []);
    });

    it.each([
      [1, [C21, C22]],
      [2, [C11, C12]],
    ] as const)('give host %i the rows of the mode table', (host, remote) => {
      const ns = overlayNamespace(tagOf(host), network.vni);
      const vtep = testHost(3 - host).underlay[underlay === 'ipv4' ? 0 : 1];
      // biome-ignore lint/suspicious/noExplicitAny: JSON of bridge(8)
      const fdb = json(`bridge -j -n ${ns} fdb show dev vxlan0`).filter((row: any) => row.dst);
      // biome-ignore lint/suspicious/noExplicitAny: JSON of bridge(8)
      const written = fdb.filter((row: any) => row.state === 'permanent');
      // biome-ignore lint/suspicious/noExplicitAny: JSON of bridge(8)
      expect(written.map((row: any) => `${row.mac} ${row.dst}`).sort()).toEqual([
        `00:00:00:00:00:00 ${vtep}`,
        ...(mode === 'flood' ? [] : remote.map(({ mac }) => `${mac} ${vtep}`)),
      ]);
      if (mode !== 'flood') expect(fdb).toEqual(written);

      const neighbours = json(`ip -j -n ${ns} neigh show dev vxlan0 nud permanent`);
      // biome-ignore lint/suspicious/noExplicitAny: JSON of ip(8)
      expect(neighbours.map((row: any) => `${row.dst} ${row.lladdr}`).sort()).toEqual(
        mode === 'proxy'
          ? remote
              .flatMap(({ mac, addresses }) => [...addresses, linkLocalOf(mac)].map((dst) => `${dst} ${mac}`))
              .sort()
          : [],
      );
    });

    it.each(HOSTS)('give the ports of host %i their rules', (host) => {
      const ns = overlayNamespace(tagOf(host), network.vni);
      const rules = (dev: string) => {
        const [port] = json(`bridge -j -d -n ${ns} link show dev ${dev}`);
        const { learning, flood, mcast_flood, bcast_flood, hairpin, neigh_suppress, isolated, master } = port;
        return { learning, flood, mcast_flood, bcast_flood, hairpin, neigh_suppress, isolated, master };
      };
      const shared = {
        learning: false,
        mcast_flood: true,
        bcast_flood: true,
        hairpin: false,
        neigh_suppress: false,
        isolated: false,
        master: 'br0',
      };
      expect(rules('vxlan0')).toEqual({ ...shared, flood: true });
      for (const { id, mac } of ENDPOINTS.filter((endpoint) => endpoint.host === testHost(host).id)) {
        expect(rules(portName(id))).toEqual({ ...shared, flood: false });
        expect(json(`bridge -j -n ${ns} fdb show dev ${portName(id)}`)).toContainEqual(
          expect.objectContaining({ mac, master: 'br0', state: 'static' }),
        );
      }
      const [bridge] = json(`ip -j -d -n ${ns} link show br0`);
      expect(bridge.linkinfo.info_data).toMatchObject({ stp_state: 0, mcast_snooping: 0 });
      expect(bridge).toMatchObject({ mtu: network.mtu, inet6_addr_gen_mode: 'none' });
      // biome-ignore lint/suspicious/noExplicitAny: JSON of ip(8)
      const addresses = json(`ip -j -n ${ns} addr show dev br0`).flatMap((link: any) => link.addr_info);
      expect(
        addresses.map(
          ({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`,
        ),
      ).toEqual(['10.1.0.1/16', 'fd00:1::1/64', 'fe80::7408:ff:fe00:1/64']);
    });

    it('dress and address the containers', () => {
      for (const endpoint of ENDPOINTS) {
        const show = (what: string) =>
          json(`ip -j -d -n ${containerNamespace(endpoint)} ${what} show ${endpoint.interface}`)[0];
        const eth = { ...show('link'), ...show('addr') };
        expect(eth).toMatchObject({
          address: endpoint.mac,
          mtu: network.mtu,
          operstate: 'UP',
          inet6_addr_gen_mode: 'none',
        });
        // biome-ignore lint/suspicious/noExplicitAny: JSON of ip(8)
        expect(eth.addr_info.map((row: any) => `${row.local}/${row.prefixlen}`).sort()).toEqual([
          `${endpoint.addresses[0]}/16`,
          `${endpoint.addresses[1]}/64`,
          `${linkLocalOf(endpoint.mac)}/64`,
        ]);
      }
    });

    it('let every container reach every other in both families, and count what was asked', async () => {
      for (const endpoint of ENDPOINTS)
        ip(`-n ${containerNamespace(endpoint)} neigh flush dev ${endpoint.interface}`);
      const frames = await capture(() => {
        for (const from of ENDPOINTS)
          for (const to of ENDPOINTS) {
            if (from === to) continue;
            for (const target of to.addresses) ping(from, target);
            ping(from, `${linkLocalOf(to.mac)}%${from.interface}`);
          }
      });
      const across = ENDPOINTS.length * 2 * 3;
      expect(frames.filter((line) => /echo request/.test(line)).length).toBe(across);
      const asked = frames.filter((line) => /ARP, Request|neighbor solicitation/.test(line)).length;
      if (mode === 'proxy') expect(asked).toBe(0);
      else expect(asked).toBeGreaterThan(0);
    });
  });

  it('let pass what fills the MTU, and nothing larger', () => {
    const inner = testNetwork(1, 'static', 'ipv6').mtu;
    const send = (bytes: number) => ping(C11, C21.addresses[0]!, '-M', 'do', '-s', String(bytes));
    const headers = 20 + 8;
    send(inner - headers);
    expect(() => send(inner - headers + 1)).toThrow();
  });

  it('take everything away again', async () => {
    const lines = bringTo([testHost(1), testHost(2)]);
    expect(lines.filter((line) => / netns del /.test(line))).toHaveLength(2);
    for (const host of HOSTS) expect(ip('netns list')).not.toContain(`weft-${tagOf(host)}-`);
    // The end of a namespace is asynchronous: a container's interface vanishes some 50 ms later, behind those of others.
    const left = () =>
      ENDPOINTS.flatMap((endpoint) => json(`ip -j -n ${containerNamespace(endpoint)} link show`)).filter(
        ({ ifname }) => ifname !== 'lo' && !FALLBACK.test(ifname),
      );
    for (let round = 0; round < 1500 && left().length > 0; round++) await sleep(20);
    expect(left()).toEqual([]);
  });

  function ping(from: Endpoint, target: string, ...options: string[]): void {
    const family = target.includes(':') ? '-6' : '-4';
    const args = [
      'netns',
      'exec',
      containerNamespace(from),
      'ping',
      family,
      '-c1',
      '-W3',
      ...options,
      target,
    ];
    expect(run('ip', ...args), `${from.name} → ${target}`).toContain('1 received');
  }

  /** What tcpdump makes of the frames on the underlay of the first host while `action` runs. */
  async function capture(action: () => void): Promise<string[]> {
    const file = join(directory, 'underlay.pcap');
    const filter = ['-i', 'eth0', '--immediate-mode', '-U', '-w', file, 'udp', 'port', '4789'];
    const tcpdump = spawn('ip', ['netns', 'exec', hostNamespace(1), 'tcpdump', '-Z', 'root', ...filter]);
    const ended = once(tcpdump, 'exit');
    await new Promise((resolve) => {
      tcpdump.stderr.on('data', (text) => String(text).includes('listening') && resolve(undefined));
    });
    try {
      action();
      await sleep(300);
    } finally {
      tcpdump.kill('SIGINT');
      await ended;
    }
    return run('tcpdump', '-nn', '-r', file).split('\n');
  }
});

function makeHosts(): void {
  ip(`netns add ${FABRIC}`);
  ip(`-n ${FABRIC} link add br0 type bridge mcast_snooping 0`);
  ip(`-n ${FABRIC} link set br0 up`);
  for (const host of HOSTS) {
    const ns = hostNamespace(host);
    ip(`netns add ${ns}`);
    ip(`-n ${ns} link add eth0 type veth peer name p${host} netns ${FABRIC}`);
    ip(`-n ${FABRIC} link set p${host} master br0 up`);
    ip(`-n ${ns} link set eth0 up`);
    ip(`-n ${ns} addr add ${testHost(host).underlay[0]}/24 dev eth0`);
    ip(`-n ${ns} addr add ${testHost(host).underlay[1]}/64 dev eth0 nodad`);
  }
  for (const endpoint of ENDPOINTS) ip(`netns add ${containerNamespace(endpoint)}`);
}
