import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { Cidr, InterfaceAddress } from './cidr.ts';
import { commandLine, shellQuote } from './command-line.ts';
import type { Ip } from './ip.ts';
import type { Fdb, KernelObject, Link, Neighbour, Route } from './kernel-state.ts';
import type { Mac } from './mac.ts';
import { renderObject, renderOp } from './render-kernel.ts';
import type { Vni } from './vni.ts';

/** That the lines do what they say is shown by test/kernel/render.test.ts. */

const mac = '02:00:00:00:00:05' as Mac;
const vxlan: Link = {
  kind: 'link',
  ns: 'weft-ab12cd34-100000',
  name: 'vxlan0',
  up: true,
  detail: {
    type: 'vxlan',
    vni: 1048576 as Vni,
    port: 4789,
    local: '10.99.0.1' as Ip,
    ttl: 64,
    learning: false,
    proxy: true,
    l2miss: false,
    l3miss: false,
  },
};
const zeroRow: Fdb = {
  kind: 'fdb',
  ns: vxlan.ns,
  dev: 'vxlan0',
  table: 'self',
  mac: '00:00:00:00:00:00' as Mac,
  dst: '10.99.0.2' as Ip,
  state: 'permanent',
};
const neighbour: Neighbour = {
  kind: 'neighbour',
  ns: vxlan.ns,
  dev: 'vxlan0',
  ip: '10.1.0.3' as Ip,
  mac,
  state: 'permanent',
};
const route: Route = {
  kind: 'route',
  ns: '',
  destination: '10.1.0.0/24' as Cidr,
  via: '10.0.0.1' as Ip,
  dev: 'wfg100000',
  protocol: 119,
};

describe('an object as lines', () => {
  it.each<[string, KernelObject, string[]]>([
    ['a namespace', { kind: 'namespace', ns: 'weft-ab12cd34-100000' }, ['ip netns add weft-ab12cd34-100000']],
    [
      'a VXLAN device, born in its namespace from the host’s',
      vxlan,
      [
        'ip link add vxlan0 netns weft-ab12cd34-100000 type vxlan id 1048576 dstport 4789 local 10.99.0.1 ttl 64 nolearning proxy',
        'ip -n weft-ab12cd34-100000 link set dev vxlan0 up',
      ],
    ],
    [
      'a marked VXLAN device in the host',
      { ...vxlan, ns: '', name: 'wfx100000', group: 0x77656674, up: false },
      [
        'ip link add wfx100000 group 2003134068 type vxlan id 1048576 dstport 4789 local 10.99.0.1 ttl 64 nolearning proxy',
      ],
    ],
    [
      'a pair into a container known by its path only',
      {
        kind: 'link',
        ns: 'weft-ab12cd34-100000',
        name: 'p1',
        up: false,
        detail: { type: 'veth', peer: { ns: '/proc/12/ns/net', name: 'eth0' } },
      },
      ['ip -n weft-ab12cd34-100000 link add p1 type veth peer name eth0 netns /proc/12/ns/net'],
    ],
    [
      "a container's interface",
      {
        kind: 'link',
        ns: '/proc/12/ns/net',
        name: 'eth0',
        up: true,
        mac,
        mtu: 1450,
        addrGenMode: 'none',
        detail: { type: 'veth-peer', port: { ns: 'weft-ab12cd34-100000', name: 'p1' } },
      },
      [
        'nsenter --net=/proc/12/ns/net ip link set dev eth0 address 02:00:00:00:00:05 mtu 1450 addrgenmode none',
        'nsenter --net=/proc/12/ns/net ip link set dev eth0 up',
      ],
    ],
    [
      'a macvlan device',
      {
        kind: 'link',
        ns: '',
        name: 'm0',
        up: false,
        detail: { type: 'macvlan', parent: 'eth0', mode: 'bridge' },
      },
      ['ip link add m0 link eth0 type macvlan mode bridge'],
    ],
    [
      'an address',
      {
        kind: 'address',
        ns: '/run/netns/web',
        dev: 'eth0',
        address: 'fd00::3/64' as InterfaceAddress,
        nodad: true,
      },
      ['ip -n web addr add fd00::3/64 dev eth0 nodad'],
    ],
    ['a route', route, ['ip route replace 10.1.0.0/24 via 10.0.0.1 dev wfg100000 proto 119']],
    [
      'a neighbour',
      neighbour,
      ['ip -n weft-ab12cd34-100000 neigh replace 10.1.0.3 lladdr 02:00:00:00:00:05 dev vxlan0 nud permanent'],
    ],
    [
      'an all-zero row',
      zeroRow,
      ['bridge -n weft-ab12cd34-100000 fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2'],
    ],
    [
      'a unicast row',
      { ...zeroRow, mac },
      ['bridge -n weft-ab12cd34-100000 fdb replace 02:00:00:00:00:05 dev vxlan0 dst 10.99.0.2'],
    ],
    [
      "a row of the bridge's table",
      { ...zeroRow, mac, dst: undefined, table: 'master', state: 'static' },
      ['bridge -n weft-ab12cd34-100000 fdb replace 02:00:00:00:00:05 dev vxlan0 master static'],
    ],
  ])('%s', (_what, object, lines) => {
    expect(renderObject(object)).toEqual(lines);
  });
});

describe('an op as lines', () => {
  it.each<[KernelObject, string]>([
    [{ kind: 'namespace', ns: 'weft-ab12cd34-100000' }, 'ip netns del weft-ab12cd34-100000'],
    [vxlan, 'ip -n weft-ab12cd34-100000 link del dev vxlan0'],
    [zeroRow, 'bridge -n weft-ab12cd34-100000 fdb del 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2'],
    [neighbour, 'ip -n weft-ab12cd34-100000 neigh del 10.1.0.3 dev vxlan0'],
    [route, 'ip route del 10.1.0.0/24 via 10.0.0.1 dev wfg100000 proto 119'],
  ])('deletes %o', (object, line) => {
    expect(renderOp({ verb: 'delete', object })).toEqual([line]);
  });

  it('changes only what differs, and nothing when nothing does', () => {
    expect(renderOp({ verb: 'change', object: vxlan, was: vxlan })).toEqual([]);
    const was: Link = { ...vxlan, up: false, mtu: 1500, master: 'br1', group: 0 };
    const object: Link = { ...vxlan, mtu: 1450, master: '', group: 7 };
    expect(renderOp({ verb: 'change', object, was })).toEqual([
      'ip -n weft-ab12cd34-100000 link set dev vxlan0 mtu 1450 group 7 nomaster',
      'ip -n weft-ab12cd34-100000 link set dev vxlan0 up',
    ]);
  });
});

describe('words of a shell', () => {
  it.each(["it's", '$(reboot)', 'a b', ';', '', '*', '"', '\\', '`id`', "'", 'eth0', '10.1.0.0/24', '~'])(
    'come back unchanged: %s',
    (word) => {
      expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(word)}`], { encoding: 'utf8' })).toBe(word);
    },
  );

  it('name namespaces as ip(8) does, and enter the others by path', () => {
    expect(commandLine('ip', '', 'link')).toBe('ip link');
    expect(commandLine('ip', '/var/run/netns/web', 'link')).toBe('ip -n web link');
    expect(commandLine('bridge', '/run/netns/-f', 'fdb')).toBe('nsenter --net=/run/netns/-f bridge fdb');
    expect(commandLine('ip', '/run/netns/../x y', 'link')).toBe("nsenter '--net=/run/netns/../x y' ip link");
  });
});
