import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KernelWorld } from '#kernel/contract-stage.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelState } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { overlayNamespace, portName } from '#model/own.ts';
import type { Host, StoredRecord } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import { desired, type HostRuntimeFacts } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import type { PlanContext } from '#plan/kind.ts';
import { order } from '#plan/order.ts';
import { testEndpoint, testHost, testNetwork, testView } from '#plan/test-world.ts';
import { bridgeJson, enterHostNamespace, ip, ipJson, realWorld, UNDERLAY } from './kernel-lab.ts';

/**
 * Plan and real kernel together: one diff builds a network, every blow from a shell is seen, one diff repairs it, and
 * what the kernel does by itself is no drift.
 */

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
  // What is sent to a group over lo comes back, and would be learned from; no wire does that.
  ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'far');
  for (const end of ['wire', 'far']) ip('link', 'set', end, 'up');
});
afterAll(() => leave());

const ENDPOINT = testEndpoint(11, 1, 1);
const PORT = portName(ENDPOINT.id);
const BARE = testHost(1, { underlay: [UNDERLAY] });
const HOST: Host = { ...BARE, facts: { ...BARE.facts, underlayInterfaces: ['wire'] } };

const records = (mode: TunnelMode): StoredRecord[] => [
  HOST,
  testHost(2),
  testHost(3),
  { ...testNetwork(1, mode), mtu: 1400 },
  ENDPOINT,
  testEndpoint(21, 1, 2),
  testEndpoint(31, 1, 3),
];

describe('plan and the real kernel', () => {
  let world: KernelWorld;
  let namespace: NamespaceRef;
  let facts: HostRuntimeFacts;
  let ns: string;
  let container: string;

  beforeEach(() => {
    world = realWorld();
    namespace = world.createContainer();
    container = namespace.path.slice('/run/netns/'.length);
    facts = {
      hostTag: world.hostTag,
      containers: new Map<Id, { namespace: NamespaceRef }>([[ENDPOINT.id, { namespace }]]),
    };
    context = facts;
    ns = overlayNamespace(world.hostTag, testNetwork(1).vni);
  });
  afterEach(() => world.close());

  const scopeOf = () => ({
    hostTag: world.hostTag,
    containers: [{ namespace, interfaces: [ENDPOINT.interface] }],
  });
  let context: PlanContext;
  const planFor = async (wished: KernelState) =>
    order(diff(wished, await world.kernel.observe(scopeOf()), context)).map(({ op }) => op);
  const wish = (mode: TunnelMode) => desired(testView(records(mode)), facts);

  /** Plans, applies, and expects that nothing was refused and that nothing is left to do. */
  async function settle(wished: KernelState): Promise<string[]> {
    const ops = await planFor(wished);
    const results = await world.kernel.apply(ops, scopeOf());
    expect(results.flatMap((result) => (result.ok ? [] : [result.error]))).toEqual([]);
    expect((await planFor(wished)).flatMap(renderOp)).toEqual([]);
    return ops.flatMap(renderOp);
  }

  it.each(TUNNEL_MODES)('build a network in mode %s at once', async (mode) => {
    expect((await settle(wish(mode))).length).toBeGreaterThan(10);
  });

  it.each(TUNNEL_MODES.flatMap((from) => TUNNEL_MODES.map((to) => [from, to] as const)))(
    'go from %s to %s at once',
    async (from, to) => {
      await settle(wish(from));
      const lines = await settle(wish(to));
      // Two hosts flood to each other: what p2p does is known only where a third is refused.
      const kernelMode = (mode: TunnelMode) => (mode === 'p2p' ? 'flood' : mode);
      expect(lines.length === 0).toBe(kernelMode(from) === kernelMode(to));
    },
  );

  it('are in a group that has lost its row, or another row for it, as before', async () => {
    await settle(wish('multicast'));
    const rows = () =>
      bridgeJson('-n', ns, 'fdb', 'show', 'dev', 'vxlan0').flatMap(({ mac, dst }) =>
        mac === '00:00:00:00:00:00' ? [dst] : [],
      );
    const joined = () => execFileSync('ip', ['maddr', 'show', 'dev', 'wire'], { encoding: 'utf8' });
    const written = rows();
    expect(written).toEqual(['239.1.0.1']);
    expect(joined()).toContain('239.1.0.1');
    for (const blow of [
      ['fdb', 'del', '00:00:00:00:00:00', 'dev', 'vxlan0'],
      ['fdb', 'append', '00:00:00:00:00:00', 'dev', 'vxlan0', 'dst', '239.1.0.9'],
    ]) {
      execFileSync('bridge', ['-n', ns, ...blow]);
      expect(rows()).not.toEqual(written);
      await settle(wish('multicast'));
      expect(rows()).toEqual(written);
    }
    await settle(wish('flood'));
    expect(joined()).not.toContain('239.1.0.1');
  });

  it('go down and up to another group on a kernel that joins it only so, and have all their rows afterwards', async () => {
    context = { ...facts, rejoinsGroups: false };
    const network = testNetwork(1, 'multicast');
    const at = (group: Ip, phase: 'prepare' | 'switch', other: Ip): KernelState => {
      const change = { phase, other: { ...network, group: other }, since: 1 };
      const changing = { ...network, mtu: 1400, group, change };
      const others = records('multicast').filter(({ kind }) => kind !== 'network');
      return desired(testView([...others, changing]), facts);
    };
    const [first, second] = ['239.1.0.1', '239.1.0.2'] as [Ip, Ip];
    const joined = () => execFileSync('ip', ['maddr', 'show', 'dev', 'wire'], { encoding: 'utf8' });
    const neighbours = () => ipJson('-n', ns, 'neigh', 'show', 'dev', 'vxlan0', 'nud', 'permanent');
    await settle(at(first, 'prepare', second));
    const known = neighbours();
    expect([known.length > 0, joined().includes(first)]).toEqual([true, true]);
    const lines = await settle(at(second, 'switch', first));
    expect(lines.slice(0, 2)).toEqual([
      `ip -n ${ns} link set dev vxlan0 down`,
      `ip -n ${ns} link set dev vxlan0 type vxlan group ${second} dev wire`,
    ]);
    expect(neighbours()).toEqual(known);
    expect([joined().includes(first), joined().includes(second)]).toEqual([false, true]);
  });

  it.each(['flood', 'static'] as const)(
    'go down before they leave their group for mode %s on a kernel that leaves it only so',
    async (mode) => {
      await settle(wish('multicast'));
      context = { ...facts, rejoinsGroups: false };
      const lines = await settle(wish(mode));
      expect(lines[0]).toBe(`ip -n ${ns} link set dev vxlan0 down`);
      expect(lines).toContain(`ip -n ${ns} link set dev vxlan0 up`);
    },
  );

  it('take a network away at once', async () => {
    await settle(wish('proxy'));
    await settle(desired(testView([HOST]), facts));
    expect(ip('netns', 'list')).not.toContain(ns);
  });

  /** NS, C and PORT stand for the network's namespace, the container's and the endpoint's port. */
  const blows = [
    'ip -n NS link set vxlan0 down',
    'ip -n NS link set br0 down',
    'ip -n NS link set PORT down',
    'ip -n NS link set vxlan0 mtu 1300',
    'ip -n NS link set vxlan0 nomaster',
    'ip -n NS link set PORT nomaster',
    'ip -n NS link set vxlan0 arp off',
    'ip -n NS link set vxlan0 addrgenmode eui64',
    'ip -n NS link set vxlan0 type vxlan ttl 3 local 127.0.0.1',
    'ip -n NS link del vxlan0',
    'ip -n NS link del br0',
    'ip -n NS link del PORT',
    'ip -n NS link set br0 type bridge stp_state 1 mcast_snooping 1',
    'bridge -n NS link set dev PORT learning on flood on isolated on',
    'bridge -n NS link set dev vxlan0 learning on hairpin on',
    'bridge -n NS link set dev PORT state 0',
    'bridge -n NS link set dev vxlan0 locked on',
    'nsenter --net=/run/netns/NS sysctl -w net.ipv6.conf.vxlan0.disable_ipv6=1',
    'nsenter --net=/run/netns/NS sysctl -w net.ipv6.conf.br0.accept_ra=1',
    'bridge -n NS fdb del 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2',
    'bridge -n NS fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.9',
    'bridge -n NS fdb del 02:00:01:00:00:15 dev vxlan0',
    'bridge -n NS fdb replace 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.9',
    'bridge -n NS fdb replace 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.2 port 5000',
    'bridge -n NS fdb replace 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.2 vni 7',
    'bridge -n NS fdb add 02:00:00:00:00:99 dev vxlan0 dst 10.99.0.9',
    'bridge -n NS fdb add 02:00:00:00:00:99 dev vxlan0 dst 10.99.0.9 dynamic',
    'bridge -n NS fdb add 02:00:00:00:00:99 dev PORT master static',
    'bridge -n NS fdb del 02:00:01:00:00:0b dev PORT master',
    'bridge -n NS fdb replace 02:00:01:00:00:0b dev vxlan0 master static',
    'bridge -n NS fdb replace 02:00:01:00:00:0b dev PORT master permanent',
    'bridge -n NS fdb add 02:00:01:00:00:15 dev br0 self permanent',
    'ip -n NS neigh del 10.1.0.21 dev vxlan0',
    'ip -n NS neigh flush dev vxlan0 nud permanent',
    'ip -n NS neigh replace fd00:1::15 lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent',
    'ip -n NS neigh replace 10.1.0.99 lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent',
    'ip -n NS addr add 10.9.9.9/24 dev br0',
    'ip -n NS addr add fd09::9/64 dev vxlan0 nodad',
    'ip -n NS link add eve0 type bridge',
    'ip -n NS link add eve0 type veth peer name eve1',
    'ip -n C link set eth1 down',
    'ip -n C link set eth1 address 02:00:00:00:00:99',
    'ip -n C link set eth1 mtu 1300',
    'ip -n C link set eth1 arp off',
    'nsenter --net=/run/netns/C sysctl -w net.ipv6.conf.all.disable_ipv6=1',
    'nsenter --net=/run/netns/C sysctl -w net.ipv6.conf.eth1.accept_ra=1',
    'ip -n C link set eth1 down name eve1',
    'ip -n C link del eth1',
    'ip -n C link set lo down',
    'ip -n C addr flush dev eth1',
    'ip -n C addr del 10.1.0.11/16 dev eth1',
    'ip -n C addr add 10.1.0.11/24 dev eth1',
    'ip -n C addr add fd00:1::99/64 dev eth1 nodad',
    'ip netns del NS',
  ];
  const strike = (line: string) => {
    const [tool, ...words] = line
      .replace('NS', ns)
      .replace('-n C ', `-n ${container} `)
      .replace('netns/C ', `netns/${container} `)
      .replace('PORT', PORT)
      .split(' ');
    execFileSync(tool!, words);
  };

  it.each(blows)('see and repair at once: %s', async (blow) => {
    const wished = wish('proxy');
    await settle(wished);
    strike(blow);
    // The end of a namespace is asynchronous: so long the container still has the old interface.
    if (blow === 'ip netns del NS') await gone();
    expect((await settle(wished)).length).toBeGreaterThan(0);
  });

  it('repair everything together', async () => {
    const wished = wish('proxy');
    await settle(wished);
    for (const blow of blows.slice(0, -1))
      try {
        strike(blow);
      } catch {
        // An earlier blow has left nothing to hit.
      }
    await settle(wished);
  });

  it('leave alone what others have in a container, and what it found out itself', async () => {
    const wished = wish('proxy');
    await settle(wished);
    ip('-n', container, 'link', 'add', 'docker0', 'type', 'bridge');
    ip('-n', container, 'addr', 'add', '172.17.0.2/16', 'dev', 'docker0');
    ip('-n', container, 'link', 'set', 'docker0', 'up');
    ip('-n', container, 'route', 'add', 'default', 'via', '172.17.0.1');
    ip('-n', container, 'neigh', 'add', '10.1.0.21', 'lladdr', '02:00:01:00:00:15', 'dev', 'eth1');
    ip('-n', container, 'addr', 'add', '10.8.0.1/32', 'dev', 'lo');
    expect((await planFor(wished)).flatMap(renderOp)).toEqual([]);
    await settle(desired(testView([HOST]), facts));
    const left = ipJson('-n', container, 'addr', 'show');
    expect(left.map(({ ifname }) => ifname)).toEqual(expect.arrayContaining(['lo', 'docker0']));
    expect(ipJson('-n', container, 'route', 'show', 'default')).toHaveLength(1);
  });

  it("fail with the kernel's text where a stranger has the interface, and do not touch it", async () => {
    world.addForeignInterface(namespace, 'eth1');
    const before = ipJson('-n', container, 'addr', 'show', 'eth1');
    const results = await world.kernel.apply(await planFor(wish('proxy')), scopeOf());
    const failed = results.flatMap((result) => (result.ok ? [] : [result.error]));
    expect(failed).toEqual([
      expect.objectContaining({ errno: 'EEXIST', command: expect.stringContaining('peer name eth1') }),
    ]);
    expect(ipJson('-n', container, 'addr', 'show', 'eth1')).toEqual(before);
    expect(bridgeJson('-n', ns, 'fdb', 'show', 'dev', 'vxlan0').length).toBeGreaterThan(0);
  });

  async function gone(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      const links = ipJson('-n', container, 'link', 'show');
      if (!links.some(({ ifname }) => ifname === 'eth1')) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
