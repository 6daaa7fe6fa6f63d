import { describe, expect, it } from 'vitest';
import { isFilter } from '#model/filter.ts';
import { emptyKernelState, type KernelObject, type KernelState, kernelObjects } from '#model/kernel-state.ts';
import { hostTag, portName } from '#model/own.ts';
import type { Publication, StoredRecord } from '#model/records.ts';
import { renderObject } from '#model/render-kernel.ts';
import { BRIDGE_CALLS } from '#model/setting.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { desired } from './desired.ts';
import {
  testContainer,
  testEndpoint,
  testFacts,
  testHost,
  testId,
  testNetwork,
  testView,
} from './test-world.ts';

const TAG = hostTag(testId('host', 1));
const NS = `weft-${TAG}-100001`;
const PORT = portName(testEndpoint(11, 1, 1).id);

const world = (mode: TunnelMode): StoredRecord[] => [
  testHost(1),
  testHost(2),
  testHost(3),
  testNetwork(1, mode),
  testEndpoint(11, 1, 1),
  testEndpoint(21, 1, 2),
  testEndpoint(31, 1, 3),
];

const wishedOf = (records: readonly StoredRecord[]): KernelState => {
  const view = testView(records);
  return desired(view, testFacts(view));
};

const isOfWayOut = (object: KernelObject): boolean =>
  object.kind === 'setting' ||
  ['wfg100001', 'up0'].includes('dev' in object ? object.dev : object.kind === 'link' ? object.name : '');

/** Without the long names, to be read; the way out by itself. */
const linesOf = (state: KernelState): string[] =>
  [...kernelObjects(state)]
    .filter((object) => !isFilter(object) && !isOfWayOut(object))
    .flatMap(renderObject)
    .map((line) => line.replaceAll(NS, 'NS').replaceAll(PORT, 'PORT'));

const BRIDGE = [
  'ip netns add NS',
  'ip -n NS link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0',
  'ip -n NS link set dev br0 address 76:08:00:00:00:01 mtu 1450 addrgenmode none',
  'ip -n NS link set dev br0 up',
  'nsenter --net=/run/netns/NS sysctl -qw net/ipv6/conf/br0/accept_ra=0',
];
const GATEWAY = [
  'ip -n NS addr add 10.1.0.1/16 dev br0',
  'ip -n NS addr add fd00:1::1/64 dev br0 nodad',
  'ip -n NS addr add fe80::7408:ff:fe00:1/64 dev br0 nodad',
];
const tunnel = (flags: string) => [
  `ip link add vxlan0 netns NS type vxlan id 1048577 dstport 4789 local 10.99.0.1 ttl 64 ${flags}`,
  'ip -n NS link set dev vxlan0 mtu 1450 addrgenmode none master br0',
  'bridge -n NS link set dev vxlan0 learning off flood on mcast_flood on bcast_flood on hairpin off neigh_suppress off isolated off locked off',
  'ip -n NS link set dev vxlan0 up',
  'nsenter --net=/run/netns/NS sysctl -qw net/ipv6/conf/vxlan0/disable_ipv6=0',
];
const CONTAINER = [
  'ip -n NS link add PORT type veth peer name eth1 netns c11',
  'ip -n NS link set dev PORT mtu 1450 addrgenmode none master br0',
  'bridge -n NS link set dev PORT learning off flood off mcast_flood on bcast_flood on hairpin off neigh_suppress off isolated off locked off',
  'ip -n NS link set dev PORT up',
  'ip -n c11 link set dev eth1 address 02:00:01:00:00:0b mtu 1450 addrgenmode none',
  'ip -n c11 link set dev eth1 up',
  'nsenter --net=/run/netns/c11 sysctl -qw net/ipv6/conf/eth1/disable_ipv6=0',
  'nsenter --net=/run/netns/c11 sysctl -qw net/ipv6/conf/eth1/accept_ra=0',
  'ip -n c11 link set dev lo up',
];
const ADDRESSES = [
  'ip -n c11 addr add 10.1.0.11/16 dev eth1',
  'ip -n c11 addr add fd00:1::b/64 dev eth1 nodad',
  'ip -n c11 addr add fe80::1ff:fe00:b/64 dev eth1 nodad',
];
const ROUTES = [
  'ip -n c11 route replace 0.0.0.0/0 via 10.1.0.1 dev eth1 proto 119 metric 17825793',
  'ip -n c11 route replace ::/0 via fd00:1::1 dev eth1 proto 119 metric 17825793',
];
const MEMBERS = [
  'bridge -n NS fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2',
  'bridge -n NS fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.3',
];
const UNICAST = [
  'bridge -n NS fdb replace 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.2',
  'bridge -n NS fdb replace 02:00:01:00:00:1f dev vxlan0 dst 10.99.0.3',
];
const NEIGHBOURS = [
  'ip -n NS neigh replace 10.1.0.21 lladdr 02:00:01:00:00:15 dev vxlan0 nud permanent',
  'ip -n NS neigh replace fd00:1::15 lladdr 02:00:01:00:00:15 dev vxlan0 nud permanent',
  'ip -n NS neigh replace fe80::1ff:fe00:15 lladdr 02:00:01:00:00:15 dev vxlan0 nud permanent',
  'ip -n NS neigh replace 10.1.0.31 lladdr 02:00:01:00:00:1f dev vxlan0 nud permanent',
  'ip -n NS neigh replace fd00:1::1f lladdr 02:00:01:00:00:1f dev vxlan0 nud permanent',
  'ip -n NS neigh replace fe80::1ff:fe00:1f lladdr 02:00:01:00:00:1f dev vxlan0 nud permanent',
];
const GATEWAY_ROW = 'bridge -n NS fdb replace 76:08:00:00:00:01 dev br0 permanent';
const OWN_ROW = 'bridge -n NS fdb replace 02:00:01:00:00:0b dev PORT master static';

describe('the desired state', () => {
  it.each([
    ['flood', 'learning', [GATEWAY_ROW, ...MEMBERS]],
    ['static', 'nolearning', [GATEWAY_ROW, ...MEMBERS, ...UNICAST]],
    ['proxy', 'nolearning proxy', [...NEIGHBOURS, GATEWAY_ROW, ...MEMBERS, ...UNICAST]],
  ] as const)('of a network in mode %s is what a person would type', (mode, flags, rows) => {
    expect(linesOf(wishedOf(world(mode)))).toEqual([
      ...BRIDGE,
      ...tunnel(flags),
      ...CONTAINER,
      ...GATEWAY,
      ...ADDRESSES,
      ...ROUTES,
      ...rows,
      OWN_ROW,
    ]);
  });

  it('has nothing of IPv6 on a host without it, and no link-local address below the MTU that it takes', () => {
    const isOfIpv4 = (line: string) => !/(addr add|neigh replace|route replace) [0-9a-f:]*::/.test(line);
    const whole = linesOf(wishedOf(world('proxy')));
    const view = testView(world('proxy'));
    const without = desired(view, { ...testFacts(view), hasIpv6: false });
    expect(linesOf(without)).toEqual(whole.filter(isOfIpv4));
    expect(whole.length - whole.filter(isOfIpv4).length).toBe(9);
    expect([...without.setting.values()].filter(({ name }) => name.startsWith('net/ipv6/'))).toEqual([]);
    const { subnets, ...network } = testNetwork(1, 'proxy');
    const small: StoredRecord = { ...network, mtu: 1279, subnets: subnets.slice(0, 1) };
    const records = world('proxy').map((each) => {
      if (each.kind === 'endpoint') return { ...each, addresses: each.addresses.slice(0, 1) };
      return each.kind === 'network' ? small : each;
    });
    expect(linesOf(wishedOf(records))).toEqual(
      whole.filter(isOfIpv4).map((line) => line.replace(' 1450', ' 1279')),
    );
  });

  it('keeps the gateway off each tunnel, by its addresses and its MAC', () => {
    const chains = [...wishedOf(world('flood')).chain.values()];
    const linesOf = (of: string) =>
      chains
        .filter(({ ns, name }) => ns === NS && name === of)
        .flatMap(renderObject)
        .map((line) => line.replaceAll("'", ''));
    const received = linesOf('received');
    const sent = linesOf('sent');
    const outward = linesOf('vxlan0-out');
    // What is about others passes at once.
    for (const lines of [received, sent])
      expect(lines.find((line) => line.includes('add rule'))).toMatch(
        /meta protocol 0x0800 ip saddr != 10.1.0.1 ip daddr != 10.1.0.1 accept$/,
      );
    expect(sent.join('\n')).toContain(
      'sent meta protocol 0x0806 arp daddr ip 10.1.0.1 ether daddr set 76:08:00:00:00:01 accept',
    );
    expect(
      linesOf('ports')
        .filter((line) => line.includes('add rule'))
        .slice(0, 2),
    ).toEqual([
      expect.stringMatching(/iifname vxlan\* goto received$/),
      expect.stringMatching(/ip saddr @port-ipv4 .* ip daddr != 10.1.0.1 accept$/),
    ]);
    for (const address of ['10.1.0.1', 'fd00:1::1', 'fe80::7408:ff:fe00:1', '76:08:00:00:00:01'])
      for (const lines of [received, outward])
        expect(lines.join('\n')).toMatch(new RegExp(`saddr ${address} drop$`, 'm'));
  });

  it('has no way out for a container in an internal network', () => {
    const internal = { ...testNetwork(1), internal: true };
    const { route, setting, link } = wishedOf([testHost(1), internal, testEndpoint(11, 1, 1)]);
    expect(route.size).toBe(0);
    expect([...setting.keys()]).toEqual(Object.values(BRIDGE_CALLS).map((name) => `${NS} ${name}`));
    expect([...link.values()].some(({ ns }) => ns === '')).toBe(false);
  });

  it('has a way out, translated twice, and ports that lead in', () => {
    const publication: Publication = {
      ...{ kind: 'publication', id: testId('endpoint', 99), network: testId('network', 1) },
      ...{ endpoint: testEndpoint(11, 1, 1).id, host: testId('host', 1), protocol: 'tcp' },
      ...{ hostPort: 8080, port: 80, relayPort: 7 },
    };
    const state = wishedOf([...world('proxy'), publication]);
    const objects = [...kernelObjects(state)].filter(
      (object) => isOfWayOut(object) || (object.kind === 'chain' && object.name.startsWith('gateway-')),
    );
    expect(
      objects
        .flatMap(renderObject)
        .map((line) => line.replaceAll(NS, 'NS').replaceAll('nsenter --net=/run/netns/NS nft', 'nft -n NS')),
    ).toMatchInlineSnapshot(`
      [
        "ip link add wfg100001 group 2003134068 type veth peer name up0 netns NS",
        "ip link set dev wfg100001 addrgenmode none",
        "ip link set dev wfg100001 up",
        "sysctl -qw net/ipv6/conf/wfg100001/accept_ra=0",
        "ip -n NS link set dev up0 addrgenmode none",
        "ip -n NS link set dev up0 up",
        "nsenter --net=/run/netns/NS sysctl -qw net/ipv6/conf/up0/disable_ipv6=0",
        "nsenter --net=/run/netns/NS sysctl -qw net/ipv6/conf/up0/accept_ra=0",
        "nft -n NS add table inet weft",
        "nft -n NS add chain inet weft gateway-in '{ type nat hook prerouting priority -100; policy accept; }'",
        "nft -n NS add rule inet weft gateway-in iifname up0 meta nfproto 2 meta l4proto 6 th dport 7 dnat ip to 10.1.0.11:80",
        "nft -n NS add rule inet weft gateway-in iifname up0 meta nfproto 10 meta l4proto 6 th dport 7 dnat ip6 to '[fd00:1::b]:80'",
        "nft -n NS add table inet weft",
        "nft -n NS add chain inet weft gateway-out '{ type nat hook postrouting priority 100; policy accept; }'",
        "nft -n NS add rule inet weft gateway-out oifname up0 masquerade",
        "nft -n NS add table inet weft",
        "nft -n NS add chain inet weft gateway-forward '{ type filter hook forward priority 0; policy accept; }'",
        "nft -n NS add rule inet weft gateway-forward iifname br0 oifname br0 accept",
        "nft -n NS add rule inet weft gateway-forward meta l4proto tcp tcp flags syn / fin,syn,rst tcp option maxseg size set rt mtu",
        "nft -n NS add rule inet weft gateway-forward iifname br0 oifname up0 accept",
        "nft -n NS add rule inet weft gateway-forward iifname up0 oifname br0 ct state established,related accept",
        "nft -n NS add rule inet weft gateway-forward iifname up0 oifname br0 ct status dnat accept",
        "nft -n NS add rule inet weft gateway-forward drop",
        "nft -n NS add table inet weft",
        "nft -n NS add chain inet weft gateway-input '{ type filter hook input priority 0; policy accept; }'",
        "nft -n NS add rule inet weft gateway-input iifname up0 ct state new,invalid drop",
        "nft add table inet weft",
        "nft add chain inet weft gateway-in '{ type nat hook prerouting priority -100; policy accept; }'",
        "nft add rule inet weft gateway-in meta nfproto 2 fib daddr type local meta l4proto 6 th dport 8080 dnat ip to 240.32.0.3:7",
        "nft add rule inet weft gateway-in meta nfproto 10 fib daddr type local meta l4proto 6 th dport 8080 dnat ip6 to '[fd77:6566:7400::20:3]:7'",
        "nft add table inet weft",
        "nft add chain inet weft gateway-local '{ type nat hook output priority -100; policy accept; }'",
        "nft add rule inet weft gateway-local meta nfproto 2 fib daddr type local meta l4proto 6 th dport 8080 dnat ip to 240.32.0.3:7",
        "nft add rule inet weft gateway-local meta nfproto 10 ip6 daddr '!=' ::1 fib daddr type local meta l4proto 6 th dport 8080 dnat ip6 to '[fd77:6566:7400::20:3]:7'",
        "nft add table inet weft",
        "nft add chain inet weft gateway-out '{ type nat hook postrouting priority 100; policy accept; }'",
        "nft add rule inet weft gateway-out iifname 'wfg*' masquerade",
        "nft add rule inet weft gateway-out oifname 'wfg*' meta nfproto 2 @nh,96,8 127 masquerade",
        "nft add table inet weft",
        "nft add chain inet weft gateway-forward '{ type filter hook forward priority 0; policy accept; }'",
        "nft add rule inet weft gateway-forward oifname 'wfg*' ct state established,related accept",
        "nft add rule inet weft gateway-forward oifname 'wfg*' ct status dnat accept",
        "nft add rule inet weft gateway-forward oifname 'wfg*' drop",
        "nft add table inet weft",
        "nft add chain inet weft gateway-input '{ type filter hook input priority 0; policy accept; }'",
        "nft add rule inet weft gateway-input iifname 'wfg*' ct state new,invalid drop",
        "nsenter --net=/run/netns/NS sysctl -eqw net/bridge/bridge-nf-call-iptables=0",
        "nsenter --net=/run/netns/NS sysctl -eqw net/bridge/bridge-nf-call-ip6tables=0",
        "nsenter --net=/run/netns/NS sysctl -eqw net/ipv4/ip_forward=1",
        "sysctl -eqw net/ipv4/ip_forward=1",
        "nsenter --net=/run/netns/NS sysctl -eqw net/ipv6/conf/all/forwarding=1",
        "sysctl -eqw net/ipv6/conf/all/forwarding=1",
        "sysctl -eqw net/ipv4/conf/wfg100001/route_localnet=1",
        "nsenter --net=/run/netns/NS sysctl -eqw net/ipv6/conf/default/forwarding=0",
        "ip addr add 240.32.0.2/31 dev wfg100001",
        "ip -n NS addr add 240.32.0.3/31 dev up0",
        "ip addr add fd77:6566:7400::20:2/127 dev wfg100001 nodad",
        "ip -n NS addr add fd77:6566:7400::20:3/127 dev up0 nodad",
        "ip addr add fe80::1/64 dev wfg100001 nodad",
        "ip -n NS addr add fe80::2/64 dev up0 nodad",
        "ip -n NS route replace 0.0.0.0/0 via 240.32.0.2 dev up0 proto 119",
        "ip -n NS route replace ::/0 via fd77:6566:7400::20:2 dev up0 proto 119",
      ]
    `);
  });

  it('is empty on a host without endpoints', () => {
    expect(wishedOf([testHost(1), testHost(2), testNetwork(1), testEndpoint(1, 1, 2)])).toEqual(
      emptyKernelState(),
    );
  });

  it('has the network but no port for an endpoint without a live container', () => {
    const view = testView(world('proxy'));
    const lines = linesOf(desired(view, { hostTag: TAG, containers: new Map() }));
    expect(lines).toEqual([
      ...BRIDGE,
      ...tunnel('nolearning proxy'),
      ...GATEWAY,
      ...NEIGHBOURS,
      GATEWAY_ROW,
      ...MEMBERS,
      ...UNICAST,
    ]);
  });

  it('has the bridge and ports but no tunnel on a host without an address of the family', () => {
    const records = world('proxy').map((record) =>
      record.kind === 'host' && record.name === 'h1' ? { ...record, underlay: [] } : record,
    );
    expect(linesOf(wishedOf(records))).toEqual([
      ...BRIDGE,
      ...CONTAINER,
      ...GATEWAY,
      ...ADDRESSES,
      ...ROUTES,
      GATEWAY_ROW,
      OWN_ROW,
    ]);
  });

  it('leaves out remote endpoints that no tunnel leads to', () => {
    const records = world('proxy').filter((record) => record.kind !== 'host' || record.name !== 'h3');
    expect(linesOf(wishedOf(records)).filter((line) => /:1f |10.99.0.3/.test(line))).toEqual([]);
  });

  it('writes one all-zero row for hosts that share a VTEP, and none for its own', () => {
    const shared = testHost(3, { underlay: testHost(2).underlay });
    const records = world('flood').map((record) => (record.id === shared.id ? shared : record));
    expect(linesOf(wishedOf(records)).filter((line) => line.includes('00:00:00:00:00:00'))).toEqual(
      MEMBERS.slice(0, 1),
    );
  });

  it('gives a name in a container to the first of two endpoints that ask for it', () => {
    const [first, second] = [1, 2].map((n) => testEndpoint(n, 1, 1, { containerId: 'same' }));
    const view = testView([testHost(1), testNetwork(1), first!, second!]);
    const { link } = desired(view, testFacts(view));
    expect(link.has(`${NS} ${portName(first!.id)}`)).toBe(true);
    expect(link.has(`${NS} ${portName(second!.id)}`)).toBe(false);
    expect(link.get(`${testContainer('same').path} eth1`)?.mac).toBe('02:00:01:00:00:01');
  });

  it('keeps networks with the same subnet apart by their namespaces', () => {
    const twin = { ...testNetwork(2), subnets: testNetwork(1).subnets };
    const { namespace } = wishedOf([
      testHost(1),
      testNetwork(1),
      twin,
      testEndpoint(1, 1, 1),
      testEndpoint(1, 2, 1),
    ]);
    expect([...namespace.keys()]).toEqual([NS, `weft-${TAG}-100002`]);
  });
});
