import { describe, expect, it } from 'vitest';
import type { InterfaceAddress } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import {
  addKernelObject,
  type Fdb,
  type KernelObject,
  type KernelState,
  kernelObjects,
  kernelStateOf,
  type Link,
  type MutableKernelTables,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { hostTag, LINK_GROUP, portName } from '#model/own.ts';
import type { StoredRecord } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { desired } from './desired.ts';
import { diff } from './diff.ts';
import { order } from './order.ts';
import { remove } from './test-kernel.ts';
import { testEndpoint, testFacts, testHost, testId, testNetwork, testView } from './test-world.ts';

const hostTagOne = hostTag(testId('host', 1));
const context = { hostTag: hostTagOne };
const NS = `weft-${hostTagOne}-100001`;
const CONTAINER = '/run/netns/c11';
const PORT = portName(testEndpoint(11, 1, 1).id);

const records: StoredRecord[] = [
  testHost(1),
  testHost(2),
  testNetwork(1, 'proxy'),
  testEndpoint(11, 1, 1),
  testEndpoint(21, 1, 2),
];

function wishedOf(world: readonly StoredRecord[]): MutableKernelTables {
  const view = testView(world);
  return kernelStateOf(kernelObjects(desired(view, testFacts(view))));
}

const replaced = (record: StoredRecord): StoredRecord[] =>
  records.map((old) => (old.id === record.id ? record : old));

const LO: Link = { kind: 'link', ns: CONTAINER, name: 'lo', up: true, detail: { type: 'loopback' } };

/** What would be done, as lines in order, with the long names shortened. */
const lines = (wished: KernelState, seen: KernelState): string[] =>
  order(diff(wished, seen, context))
    .flatMap(({ op }) => renderOp(op))
    .map((line) => line.replaceAll(NS, 'NS').replaceAll(PORT, 'PORT'));

/** The world as wished, then damaged. */
function damaged(damage: (seen: MutableKernelTables) => void): MutableKernelTables {
  const seen = wishedOf(records);
  damage(seen);
  return seen;
}

const repairOf = (damage: (seen: MutableKernelTables) => void): string[] =>
  lines(wishedOf(records), damaged(damage));

const linkOf = (state: KernelState, name: string, ns = NS): Link => state.link.get(`${ns} ${name}`)!;

const put = (object: KernelObject) => (seen: MutableKernelTables) => addKernelObject(seen, object);

const vxlanRow = (mac: string, dst: string, state: Fdb['state'] = 'permanent'): Fdb => ({
  kind: 'fdb',
  ns: NS,
  dev: 'vxlan0',
  table: 'self',
  mac: mac as Mac,
  dst: dst as Ip,
  state,
});

describe('nothing is done', () => {
  it('when all is as wished', () => {
    expect(repairOf(() => {})).toEqual([]);
  });

  it.each<[string, KernelObject]>([
    ['a fallback device of the kernel', stranger({ name: 'tunl0', ns: NS })],
    ['loopback in an overlay namespace', { ...LO, ns: NS }],
    ['a neighbour of the kernel for multicast', multicastNeighbour()],
    ['a route of the kernel', kernelRoute()],
    ['what a bridge listens to', { ...vxlanRow('33:33:00:00:00:01', ''), dev: 'br0', dst: undefined }],
    ["a stranger's interface in a container", stranger({ name: 'eth9', ns: CONTAINER })],
    ["a stranger's address in a container", addressOn('eth9')],
    [
      'what a container found out about its neighbours',
      { ...multicastNeighbour(), ns: CONTAINER, dev: 'eth1', state: 'stale' },
    ],
    ['a device in the host named like ours but without the mark', stranger({ name: 'wfx100001', ns: '' })],
    [
      'a device in the host with the mark but another name',
      stranger({ name: 'eth0', ns: '', group: LINK_GROUP }),
    ],
    ["another host's overlay namespace", { kind: 'namespace', ns: 'weft-zzzzzzzz-100001' }],
    ["somebody's namespace", { kind: 'namespace', ns: 'web' }],
  ])('about %s', (_what, object) => {
    expect(repairOf(put(object))).toEqual([]);
  });

  it('about what nobody specified: the MACs of ports, and their own rows', () => {
    const mac = '9a:8f:7d:7b:48:4d' as Mac;
    const seen = damaged((state) => {
      addKernelObject(state, { ...linkOf(state, 'vxlan0'), mac, group: 0 });
      addKernelObject(state, {
        kind: 'fdb',
        ns: NS,
        dev: 'vxlan0',
        table: 'master',
        mac,
        state: 'permanent',
      });
    });
    expect(lines(wishedOf(records), seen)).toEqual([]);
  });

  it.each(['flood', 'multicast'] as const)('about what a device learned from members (%s)', (mode) => {
    const wished = wishedOf(replaced(testNetwork(1, mode)));
    const learned = (dst: string) =>
      kernelStateOf([...kernelObjects(wished), vxlanRow('02:00:01:00:00:15', dst, 'learned')]);
    expect(lines(wished, learned('10.99.0.2'))).toEqual([]);
    // From another, such as a VTEP of before, it is not to know anything.
    expect(lines(wished, learned('10.99.0.77'))).toEqual([
      'bridge -n NS fdb del 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.77',
    ]);
  });

  it('for an endpoint whose container is gone, whatever is left of it', () => {
    const gone = damaged((seen) => {
      remove(seen, linkOf(seen, 'lo', CONTAINER));
      remove(seen, linkOf(seen, PORT));
    });
    expect(lines(wishedOf(records), gone)).toEqual([]);
    const half = damaged((seen) => {
      remove(seen, linkOf(seen, 'lo', CONTAINER));
      seen.link.delete(`${CONTAINER} eth1`);
      addKernelObject(seen, { ...linkOf(seen, PORT), detail: { type: 'veth' } });
    });
    expect(lines(wishedOf(records), half)).toEqual([]);
  });
});

describe('what is too many on devices of ours goes', () => {
  it.each<[string, KernelObject, string]>([
    [
      'a row of another VTEP',
      vxlanRow('02:00:00:00:00:99', '10.99.0.9'),
      'bridge -n NS fdb del 02:00:00:00:00:99 dev vxlan0 dst 10.99.0.9',
    ],
    [
      'a member too many',
      vxlanRow('00:00:00:00:00:00', '10.99.0.9'),
      'bridge -n NS fdb del 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.9',
    ],
    [
      'a learned row without learning',
      vxlanRow('02:00:00:00:00:99', '10.99.0.2', 'learned'),
      'bridge -n NS fdb del 02:00:00:00:00:99 dev vxlan0 dst 10.99.0.2',
    ],
    ['a neighbour', { ...multicastNeighbour(), state: 'stale' }, 'ip -n NS neigh del ff02::16 dev vxlan0'],
    ['an address on the bridge', { ...addressOn('br0'), ns: NS }, 'ip -n NS addr del 10.9.0.9/24 dev br0'],
    ["an address on the container's interface", addressOn('eth1'), 'ip -n c11 addr del 10.9.0.9/24 dev eth1'],
    ['a device', stranger({ name: 'eve0', ns: NS }), 'ip -n NS link del dev eve0'],
    ['a route', { ...kernelRoute(), protocol: 3 }, 'ip -n NS route del fe80::/64 dev br0 proto 3'],
    [
      'a marked device in the host',
      stranger({ name: 'wfx1', ns: '', group: LINK_GROUP }),
      'ip link del dev wfx1',
    ],
    [
      'a row by which the bridge swallows the frames of a container',
      {
        kind: 'fdb',
        ns: NS,
        dev: PORT,
        table: 'master',
        mac: '02:00:00:00:00:99' as Mac,
        state: 'permanent',
      },
      'bridge -n NS fdb del 02:00:00:00:00:99 dev PORT master',
    ],
  ])('%s', (_what, object, line) => {
    const mac = '0a:00:00:00:00:01' as Mac;
    const wished = wishedOf(records);
    const seen = damaged((state) => {
      addKernelObject(state, { ...linkOf(state, PORT), mac });
      addKernelObject(state, object);
    });
    expect(lines(wished, seen)).toEqual([line]);
  });

  it('with its rows and its far end, which get no line of their own', () => {
    const seen = wishedOf([...records, testEndpoint(12, 1, 1)]);
    const port = portName(testEndpoint(12, 1, 1).id);
    const [first, ...others] = lines(wishedOf(records), seen);
    expect(first).toBe(`ip -n NS link del dev ${port}`);
    // What lets its frames through stands by itself, and goes after it.
    expect(others).toHaveLength(4);
    for (const line of others) expect(line).toMatch(`nft delete element bridge weft port-`);
  });

  it('a network that is left: the VXLAN device, then the namespace', () => {
    const [left] = [wishedOf(records)];
    const gone = lines(kernelStateOf([]), left);
    const links = ['ip link del dev wfg100001', 'ip -n NS link del dev vxlan0', 'ip netns del NS'];
    expect(gone.filter((line) => !line.startsWith('nft '))).toEqual(links);
    expect(gone).toContain('nft delete chain inet weft vxlan-in');
    expect(gone).toContain('nft delete chain inet weft gateway-out');
  });

  it('a name without a namespace, be the network wished or not', () => {
    const hollow = kernelStateOf([{ kind: 'namespace', ns: NS, hollow: true }]);
    expect(lines(kernelStateOf([]), hollow)).toEqual(['ip netns del NS']);
    expect(lines(wishedOf(records), hollow).slice(0, 2)).toEqual(['ip netns del NS', 'ip netns add NS']);
  });
});

describe('what differs is changed in place', () => {
  const change = (name: string, difference: Partial<Link>, ns = NS) =>
    repairOf((seen) => addKernelObject(seen, { ...linkOf(seen, name, ns), ...difference }));
  const vxlan = () => linkOf(wishedOf(records), 'vxlan0');

  it.each<[string, () => string[], string[]]>([
    ['a port that is down', () => change(PORT, { up: false }), ['ip -n NS link set dev PORT up']],
    ['an MTU', () => change('vxlan0', { mtu: 1500 }), ['ip -n NS link set dev vxlan0 mtu 1450']],
    [
      'a MAC in a container',
      () => change('eth1', { mac: '02:00:00:00:00:99' as Mac }, CONTAINER),
      ['ip -n c11 link set dev eth1 address 02:00:01:00:00:0b'],
    ],
    [
      'port rules',
      () =>
        change(PORT, {
          port: { ...linkOf(wishedOf(records), PORT).port!, learning: true, unicastFlood: true },
        }),
      ['bridge -n NS link set dev PORT learning off flood off'],
    ],
    [
      'a bridge that snoops',
      () => change('br0', { detail: { type: 'bridge', stp: false, multicastSnooping: true } }),
      ['ip -n NS link set dev br0 type bridge stp_state 0 mcast_snooping 0'],
    ],
    [
      'TTL and learning of a tunnel',
      () => change('vxlan0', { detail: { ...vxlan().detail, ttl: 1, learning: true } as Link['detail'] }),
      ['ip -n NS link set dev vxlan0 type vxlan ttl 64 nolearning'],
    ],
  ])('%s', (_what, repair, expected) => {
    expect(repair()).toEqual(expected);
  });

  it('a VTEP that moved: the rows in place, the new member before the old one goes', () => {
    const wished = wishedOf(replaced(testHost(2, { underlay: ['10.99.0.7' as Ip] })));
    expect(lines(wished, wishedOf(records))).toEqual([
      "nft add element inet weft vteps-ipv4 '{ 4789 . 0x10000100 . 10.99.0.7 }'",
      'bridge -n NS fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.7',
      'bridge -n NS fdb replace 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.7',
      'bridge -n NS fdb del 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2',
      "nft delete element inet weft vteps-ipv4 '{ 4789 . 0x10000100 . 10.99.0.2 }'",
    ]);
  });

  it('between flood and static, losing nothing', () => {
    const [flood, fixed] = [testNetwork(1, 'flood'), testNetwork(1, 'static')].map((network) =>
      wishedOf(replaced(network)),
    );
    expect(lines(fixed!, flood!)).toEqual([
      'ip -n NS link set dev vxlan0 type vxlan nolearning',
      'bridge -n NS fdb replace 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.2',
    ]);
    expect(lines(flood!, fixed!)).toEqual([
      'ip -n NS link set dev vxlan0 type vxlan learning',
      'bridge -n NS fdb del 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.2',
    ]);
  });

  it('a row that the bridge put on another port', () => {
    const row = { kind: 'fdb', ns: NS, table: 'master', mac: '02:00:01:00:00:0b' as Mac } as const;
    const repair = repairOf((seen) => {
      seen.fdb.delete(`${NS} ${PORT} master ${row.mac}`);
      addKernelObject(seen, { ...row, dev: 'vxlan0', state: 'learned' });
    });
    expect(repair).toEqual([
      'bridge -n NS fdb replace 02:00:01:00:00:0b dev PORT master static',
      'bridge -n NS fdb del 02:00:01:00:00:0b dev vxlan0 master',
    ]);
  });
});

describe('what cannot be changed is built anew, with all that hung on it', () => {
  it('a tunnel that is to answer ARP', () => {
    const repair = lines(wishedOf(records), wishedOf(replaced(testNetwork(1, 'static'))));
    expect(repair.slice(0, 2)).toEqual([
      'ip -n NS link del dev vxlan0',
      'ip link add vxlan0 netns NS type vxlan id 1048577 dstport 4789 local 10.99.0.1 ttl 64 nolearning proxy',
    ]);
    expect(repair.filter((line) => / fdb | neigh /.test(line))).toHaveLength(2 + 3);
    expect(repair.filter((line) => /PORT|c11/.test(line))).toEqual([]);
  });

  it('a port without its other end', () => {
    const repair = repairOf((seen) => {
      seen.link.delete(`${CONTAINER} eth1`);
      for (const [key, { ns, dev }] of seen.address)
        if (ns === CONTAINER && dev === 'eth1') seen.address.delete(key);
      addKernelObject(seen, { ...linkOf(seen, PORT), detail: { type: 'veth' } });
    });
    expect(repair.slice(0, 2)).toEqual([
      'ip -n NS link del dev PORT',
      'ip -n NS link add PORT type veth peer name eth1 netns c11',
    ]);
    expect(repair.filter((line) => line.includes('master static'))).toHaveLength(1);
    expect(repair.filter((line) => line.includes(' addr add '))).toHaveLength(3);
  });

  it('a way out whose end on the host somebody has renamed or marked otherwise', () => {
    const repair = repairOf((seen) => {
      seen.link.delete(' wfg100001');
      const peer = { ns: '', name: 'eve0' };
      addKernelObject(seen, { ...linkOf(seen, 'up0'), detail: { type: 'veth', peer } });
    });
    expect(repair.slice(0, 2)).toEqual([
      'ip -n NS link del dev up0',
      'ip link add wfg100001 group 2003134068 type veth peer name up0 netns NS',
    ]);
    expect(repair.filter((line) => line.includes('up0 proto'))).toHaveLength(2);
  });

  it('a bridge that is none: its ports join the new one and get their rules again', () => {
    const repair = repairOf((seen) =>
      addKernelObject(seen, { ...linkOf(seen, 'br0'), detail: { type: 'other', linkKind: 'ifb' } }),
    );
    expect(repair).toEqual([
      'ip -n NS link del dev br0',
      'ip -n NS link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0',
      'ip -n NS link set dev br0 address 76:08:00:00:00:01 mtu 1450 addrgenmode none',
      'ip -n NS link set dev br0 up',
      'nsenter --net=/run/netns/NS sysctl -qw net/ipv6/conf/br0/accept_ra=0',
      'ip -n NS addr add 10.1.0.1/16 dev br0',
      'ip -n NS addr add fd00:1::1/64 dev br0 nodad',
      'ip -n NS addr add fe80::7408:ff:fe00:1/64 dev br0 nodad',
      'ip -n NS link set dev vxlan0 master br0',
      expect.stringContaining('link set dev vxlan0 learning off flood on'),
      'ip -n NS link set dev PORT master br0',
      expect.stringContaining('link set dev PORT learning off flood off'),
      'bridge -n NS fdb replace 76:08:00:00:00:01 dev br0 permanent',
      'bridge -n NS fdb replace 02:00:01:00:00:0b dev PORT master static',
    ]);
  });

  it('the interface of an earlier endpoint in the same container, out of the way first', () => {
    const earlier = testEndpoint(9, 1, 1, { containerId: 'c11' });
    const seen = wishedOf([...records.filter(({ id }) => id !== testEndpoint(11, 1, 1).id), earlier]);
    const repair = lines(wishedOf(records), seen);
    expect(repair[0]).toBe(`ip -n NS link del dev ${portName(earlier.id)}`);
    expect(repair.filter((line) => !line.includes(' nft '))[1]).toBe(
      'ip -n NS link add PORT type veth peer name eth1 netns c11',
    );
  });

  it('also when that was in a network that is left', () => {
    const earlier = testEndpoint(9, 2, 1, { containerId: 'c11', interface: 'eth1' });
    const seen = wishedOf([testHost(1), testHost(2), testNetwork(2), earlier]);
    const repair = lines(wishedOf(records), seen);
    const other = NS.replace(/1$/, '2');
    expect(repair[0]).toBe(`ip -n ${other} link del dev ${portName(earlier.id)}`);
    expect(repair.filter((line) => !line.includes('nft ')).slice(-2)).toEqual([
      `ip -n ${other} link del dev vxlan0`,
      `ip netns del ${other}`,
    ]);
  });

  it("but never a stranger's interface in a container: the port is tried, so that the refusal is seen", () => {
    const seen = damaged((state) => {
      remove(state, linkOf(state, PORT));
      addKernelObject(state, stranger({ name: 'eth1', ns: CONTAINER }));
      addKernelObject(state, addressOn('eth1'));
    });
    const repair = lines(wishedOf(records), seen);
    expect(repair[0]).toBe('ip -n NS link add PORT type veth peer name eth1 netns c11');
    expect(repair.filter((line) => line.includes('c11'))).toHaveLength(1);
    expect(repair.filter((line) => line.includes(' del '))).toEqual([]);
  });
});

function stranger(link: Pick<Link, 'name' | 'ns' | 'group'>): Link {
  return { kind: 'link', up: true, detail: { type: 'other', linkKind: 'dummy' }, ...link };
}

function multicastNeighbour(): Extract<KernelObject, { kind: 'neighbour' }> {
  const mac = '33:33:00:00:00:16' as Mac;
  return { kind: 'neighbour', ns: NS, dev: 'vxlan0', ip: 'ff02::16' as Ip, mac, state: 'noarp' };
}

function kernelRoute(): Extract<KernelObject, { kind: 'route' }> {
  return { kind: 'route', ns: NS, dev: 'br0', destination: 'fe80::/64' as never, protocol: 2 };
}

function addressOn(dev: string): Extract<KernelObject, { kind: 'address' }> {
  return { kind: 'address', ns: CONTAINER, dev, address: '10.9.0.9/24' as InterfaceAddress };
}
