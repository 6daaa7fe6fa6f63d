import { describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import {
  addKernelObject,
  type Fdb,
  type KernelObject,
  kernelObjects,
  kernelStateOf,
  type Link,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { LINK_GROUP, portName } from '#model/own.ts';
import {
  addressOn,
  CONTAINER,
  damaged,
  LO,
  lines,
  linkOf,
  NS,
  PORT,
  put,
  records,
  repairOf,
  replaced,
  stranger,
  wishedOf,
} from './test-damage.ts';
import { remove } from './test-kernel.ts';
import { testEndpoint, testHost, testNetwork } from './test-world.ts';

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

function multicastNeighbour(): Extract<KernelObject, { kind: 'neighbour' }> {
  const mac = '33:33:00:00:00:16' as Mac;
  return { kind: 'neighbour', ns: NS, dev: 'vxlan0', ip: 'ff02::16' as Ip, mac, state: 'noarp' };
}

function kernelRoute(): Extract<KernelObject, { kind: 'route' }> {
  return { kind: 'route', ns: NS, dev: 'br0', destination: 'fe80::/64' as never, protocol: 2 };
}
