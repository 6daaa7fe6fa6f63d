import { describe, expect, test } from 'vitest';
import { sent } from '../captured.testdata.ts';
import { type Message, type Request, readMessages } from '../message.ts';
import { NetlinkError } from '../netlink-error.ts';
import { encodeDeleteAddress, encodeNewAddress, IFA_F } from './address.ts';
import { AF_BRIDGE, encodeSetBridgePort } from './bridge-port.ts';
import { encodeDeleteLink, encodeDeleteLinkGroup, encodeNewLink, encodeSetLink } from './link.ts';
import { encodeDeleteNeighbour, encodeDumpNeighbours, encodeNewNeighbour, NTF, NUD } from './neighbour.ts';
import { encodeDeleteRoute, encodeGetRoute, encodeNewRoute, RTN } from './route.ts';

const MAC = '02:42:0a:00:00:02';
const [br0, vxlan9, v0, v1] = [10, 11, 12, 13];

/** What bridge(8) means by `permanent`. */
const PERMANENT = NUD.NOARP | NUD.PERMANENT;

/** Each command of ip(8) or bridge(8) and the call that must give the same message. */
const cases: [keyof typeof sent, Request][] = [
  [
    'ip link add mtu 1450 address 02:42:0a:00:00:02 group 7 name vxlan0 type vxlan ttl 64 proxy l2miss l3miss id 1048576 local 192.0.2.1 nolearning dstport 4789',
    encodeNewLink({
      name: 'vxlan0',
      mtu: 1450,
      mac: MAC,
      group: 7,
      kind: 'vxlan',
      vxlan: {
        id: 1048576,
        local: '192.0.2.1',
        port: 4789,
        ttl: 64,
        learning: false,
        proxy: true,
        l2miss: true,
        l3miss: true,
      },
    }),
  ],
  [
    'ip link add name vxlan6 type vxlan noudpcsum id 5 remote fd00::2 local fd00::1 dstport 4789',
    encodeNewLink({
      name: 'vxlan6',
      kind: 'vxlan',
      vxlan: { id: 5, udpCsum: false, remote: 'fd00::2', local: 'fd00::1', port: 4789, learning: true },
    }),
  ],
  [
    'ip link add name vxlanm type vxlan ttl 5 id 6 group 239.1.1.1 dev v0 dstport 4789',
    encodeNewLink({
      name: 'vxlanm',
      kind: 'vxlan',
      vxlan: { id: 6, ttl: 5, remote: '239.1.1.1', link: v0, port: 4789, learning: true },
    }),
  ],
  [
    'ip link add mtu 1450 address 02:42:0a:00:00:02 master br0 txqueuelen 5 group 7 numtxqueues 1 numrxqueues 1 name p0 type veth peer mtu 1450 address 02:42:0a:00:00:03 group 7 numtxqueues 1 name p1',
    encodeNewLink({
      name: 'p0',
      mtu: 1450,
      mac: MAC,
      master: br0,
      txQueueLength: 5,
      group: 7,
      txQueues: 1,
      rxQueues: 1,
      kind: 'veth',
      peer: { name: 'p1', mtu: 1450, mac: '02:42:0a:00:00:03', group: 7, txQueues: 1 },
    }),
  ],
  [
    'ip link add name br1 type bridge ageing_time 12300 stp_state 0 mcast_snooping 0',
    encodeNewLink({
      name: 'br1',
      kind: 'bridge',
      bridge: { ageingTime: 12300, stp: 0, mcastSnooping: false },
    }),
  ],
  [
    'ip link add link v0 name m0 type macvlan mode bridge',
    encodeNewLink({ name: 'm0', link: v0, kind: 'macvlan', macvlan: { mode: 'bridge' } }),
  ],
  ['ip link set v1 addrgenmode none', encodeSetLink({ index: v1, addrGenMode: 'none' })],
  ['ip link set v1 up', encodeSetLink({ index: v1, up: true })],
  ['ip link set v1 down', encodeSetLink({ index: v1, up: false })],
  ['ip link set v1 nomaster', encodeSetLink({ index: v1, master: 0 })],
  [
    'bridge link set dev vxlan9 learning off flood on mcast_flood on bcast_flood on hairpin off isolated on',
    encodeSetBridgePort(vxlan9, {
      learning: false,
      unicastFlood: true,
      mcastFlood: true,
      bcastFlood: true,
      hairpin: false,
      isolated: true,
    }),
  ],
  ['ip link del v1', encodeDeleteLink({ index: v1 })],
  ['ip link del group 7', encodeDeleteLinkGroup(7)],
  [
    'ip addr add 10.0.0.2/24 broadcast 10.0.0.255 dev v0',
    encodeNewAddress({ ifindex: v0, address: '10.0.0.2', prefixLength: 24, broadcast: '10.0.0.255' }, 'add'),
  ],
  [
    'ip addr add fd00::2/64 dev v0 nodad',
    encodeNewAddress({ ifindex: v0, address: 'fd00::2', prefixLength: 64, flags: IFA_F.NODAD }, 'add'),
  ],
  [
    'ip addr replace fd00::3/64 dev v0 noprefixroute',
    encodeNewAddress(
      { ifindex: v0, address: 'fd00::3', prefixLength: 64, flags: IFA_F.NOPREFIXROUTE },
      'replace',
    ),
  ],
  [
    'ip addr del 10.0.0.1/24 dev v0',
    encodeDeleteAddress({ ifindex: v0, address: '10.0.0.1', prefixLength: 24 }),
  ],
  [
    'ip route replace 10.1.0.0/16 via 10.0.0.9 dev v0 proto 119',
    encodeNewRoute(
      { dst: '10.1.0.0', dstLength: 16, gateway: '10.0.0.9', oif: v0, protocol: 119 },
      'replace',
    ),
  ],
  ['ip route add 10.2.0.0/16 dev v0', encodeNewRoute({ dst: '10.2.0.0', dstLength: 16, oif: v0 }, 'add')],
  [
    'ip route add default via 10.0.0.9 metric 5 mtu 1400 src 10.0.0.1',
    encodeNewRoute(
      { gateway: '10.0.0.9', priority: 5, metrics: { mtu: 1400 }, prefSource: '10.0.0.1' },
      'add',
    ),
  ],
  [
    'ip route add fd01::/48 dev v0 proto 119 table 1000',
    encodeNewRoute({ dst: 'fd01::', dstLength: 48, oif: v0, protocol: 119, table: 1000 }, 'add'),
  ],
  [
    'ip route add blackhole 10.3.0.0/16',
    encodeNewRoute({ dst: '10.3.0.0', dstLength: 16, type: RTN.BLACKHOLE }, 'add'),
  ],
  [
    'ip route del 10.1.0.0/16 dev v0 proto 119',
    encodeDeleteRoute({ dst: '10.1.0.0', dstLength: 16, oif: v0, protocol: 119 }),
  ],
  ['ip route get 10.0.0.9', encodeGetRoute('10.0.0.9')],
  [
    'bridge fdb append 00:00:00:00:00:00 dev vxlan9 dst 192.0.2.2 self permanent',
    encodeNewNeighbour(
      {
        family: AF_BRIDGE,
        ifindex: vxlan9,
        mac: '00:00:00:00:00:00',
        dst: '192.0.2.2',
        flags: NTF.SELF,
        state: PERMANENT,
      },
      'append',
    ),
  ],
  [
    'bridge fdb add 02:42:0a:00:00:05 dev vxlan9 dst 192.0.2.2 port 8472 vni 77 via v0 self permanent',
    encodeNewNeighbour(
      {
        family: AF_BRIDGE,
        ifindex: vxlan9,
        mac: '02:42:0a:00:00:05',
        dst: '192.0.2.2',
        port: 8472,
        vni: 77,
        via: v0,
        flags: NTF.SELF,
        state: PERMANENT,
      },
      'add',
    ),
  ],
  [
    'bridge fdb replace 02:42:0a:00:00:06 dev vxlan9 master static',
    encodeNewNeighbour(
      {
        ifindex: vxlan9,
        mac: '02:42:0a:00:00:06',
        flags: NTF.MASTER,
        state: NUD.NOARP | NUD.REACHABLE,
      },
      'replace',
    ),
  ],
  [
    'bridge fdb del 02:42:0a:00:00:06 dev vxlan9 master',
    encodeDeleteNeighbour({
      ifindex: vxlan9,
      mac: '02:42:0a:00:00:06',
      flags: NTF.MASTER,
      state: PERMANENT,
    }),
  ],
  [
    'ip neigh replace 10.0.0.3 lladdr 02:42:0a:00:00:03 dev v0 nud permanent protocol 119',
    encodeNewNeighbour({ ifindex: v0, dst: '10.0.0.3', mac: '02:42:0a:00:00:03', protocol: 119 }, 'replace'),
  ],
  [
    'ip neigh add fd00::3 lladdr 02:42:0a:00:00:03 dev v0 nud reachable extern_learn',
    encodeNewNeighbour(
      { ifindex: v0, dst: 'fd00::3', mac: '02:42:0a:00:00:03', state: NUD.REACHABLE, flags: NTF.EXT_LEARNED },
      'add',
    ),
  ],
  [
    'ip neigh del 10.0.0.3 dev v0',
    encodeDeleteNeighbour({ ifindex: v0, dst: '10.0.0.3', state: NUD.PERMANENT }),
  ],
  ['bridge fdb show br br0', encodeDumpNeighbours(AF_BRIDGE, { master: br0 })],
  ['ip neigh show dev v0', encodeDumpNeighbours(0, { ifindex: v0 })],
];

const NLM_F_ACK = 4;
/** Attributes of links that hold attributes, by their path of numbers: PROTINFO, LINKINFO and its DATA, AF_SPEC and its INET6. */
const NESTS = new Set(['12', '18', '18.2', '26', '26.10']);
const LINK_KIND = '18.1';
/** VETH_INFO_PEER where the payload is larger than a number: an ifinfomsg, then attributes. */
const PEER = '18.2.1';
const IFINFOMSG_BYTES = 16;

type Shape = { [path: string]: string | Shape };

/** Attributes by their path: their order means nothing to the kernel. */
function attributes(bytes: Buffer, start: number, end: number, parent: string, nests = NESTS): Shape {
  const shape: Shape = {};
  for (let at = start; at < end; at += (bytes.readUInt16LE(at) + 3) & ~3) {
    const [from, to] = [at + 4, at + bytes.readUInt16LE(at)];
    const path = parent + (bytes.readUInt16LE(at + 2) & 0x3fff);
    if (nests.has(path)) shape[path] = attributes(bytes, from, to, `${path}.`);
    else if (path === PEER && to - from > 4) {
      shape[path] = { head: bytes.toString('hex', from, from + 16), ...attributes(bytes, from + 16, to, '') };
    } else shape[path] = bytes.toString('hex', from, to);
    // The kind's NUL is optional; iproute2 leaves it out.
    if (path === LINK_KIND) shape[path] = bytes.toString('latin1', from, to).replace('\0', '');
  }
  return shape;
}

function shape({ type, flags, body }: Message): unknown {
  const fixed = type < 20 ? IFINFOMSG_BYTES : type < 24 ? 8 : 12;
  return {
    type,
    flags: flags & ~NLM_F_ACK,
    body: body.toString('hex', 0, fixed),
    attributes: attributes(body, fixed, body.length, '', type < 20 ? NESTS : new Set()),
  };
}

const only = (bytes: Buffer): Message => {
  const [message, ...more] = [...readMessages(bytes)];
  expect(more).toEqual([]);
  return message!;
};
const fromHex = (hex: string) => Buffer.from(hex, 'hex');

describe('what we send is what iproute2 6.1.0 sends', () => {
  test('every captured command has a call', () => {
    expect(cases.map(([command]) => command).sort()).toEqual(Object.keys(sent).sort());
  });
  test.each(cases)('%s', (command, ours) => {
    expect(shape(only(ours))).toEqual(shape(only(fromHex(sent[command]))));
  });
});

describe('values that cannot be meant are refused before the kernel is asked', () => {
  const refusals: [string, () => unknown, RegExp][] = [
    [
      'a MAC',
      () => encodeNewLink({ name: 'x', mac: '02:42:0a:00:00' }),
      /"02:42:0a:00:00" is not a MAC address/,
    ],
    ['an IP', () => encodeGetRoute('10.0.0.300'), /"10.0.0.300" is not an IP address/],
    [
      'a port',
      () => encodeNewLink({ kind: 'vxlan', vxlan: { port: 65536 } }),
      /65536 is not within 0..65535/,
    ],
    ['a negative number', () => encodeNewLink({ name: 'x', mtu: -1 }), /-1 is not within/],
    ['a fraction', () => encodeNewLink({ name: 'x', mtu: 1.5 }), /1.5 is not within/],
    ['a NUL in a name', () => encodeNewLink({ name: 'x\0y' }), /contains a NUL/],
    [
      'a mode',
      () => encodeNewLink({ kind: 'macvlan', macvlan: { mode: 'x' as 'vepa' } }),
      /"x" is none of private, vepa/,
    ],
    [
      'an endless alias',
      () => encodeNewLink({ name: 'x', alias: 'x'.repeat(70000) }),
      /a message over 65536 bytes/,
    ],
  ];
  test.each(refusals)('%s', (_, encode, message) => {
    expect(encode).toThrow(message);
    expect(encode).toThrow(NetlinkError);
    // The writer that all share is none the worse for it.
    expect(shape(only(encodeDeleteLinkGroup(7)))).toEqual(shape(only(fromHex(sent['ip link del group 7']))));
  });
});
