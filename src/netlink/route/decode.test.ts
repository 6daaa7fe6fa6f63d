import { describe, expect, test } from 'vitest';
import { received } from '../captured.testdata.ts';
import { type Message, NLMSG, readMessages } from '../message.ts';
import { decodeAddress, IFA_F, RT_SCOPE } from './address.ts';
import { AF_BRIDGE } from './bridge-port.ts';
import { decodeLink, IFF } from './link.ts';
import { decodeNeighbour, NTF, NUD } from './neighbour.ts';
import { decodeRoute, RT_TABLE, RTN, RTPROT } from './route.ts';

const [br0, vxlan9, v0, v1] = [10, 11, 12, 13];
/** What bridge(8) means by `permanent`. */
const PERMANENT = NUD.NOARP | NUD.PERMANENT;

describe('what Linux 6.18 answers is read as ip(8) shows it', () => {
  const read = <T>(command: keyof typeof received, decode: (message: Message) => T): T[] =>
    [...readMessages(Buffer.from(received[command], 'hex'))]
      .filter(({ type }) => type !== NLMSG.DONE)
      .map(decode);

  test('ip -d link show dev vxlan9', () => {
    expect(read('ip -d link show dev vxlan9', decodeLink)).toEqual([
      {
        index: vxlan9,
        flags: IFF.UP | IFF.RUNNING | IFF.LOWER_UP | 0x1002, // BROADCAST, MULTICAST
        up: true,
        arp: true,
        hardwareType: 1,
        name: 'vxlan9',
        mac: '02:42:0a:00:00:09',
        mtu: 1500,
        master: br0,
        group: 0,
        txQueueLength: 1000,
        txQueues: 1,
        rxQueues: 1,
        operState: 'unknown',
        carrier: 1,
        promiscuity: 1,
        addrGenMode: 'eui64',
        ipv6: { disabled: false, acceptRa: true },
        kind: 'vxlan',
        vxlan: {
          id: 9,
          local: '192.0.2.1',
          port: 4789,
          ttl: 0,
          tos: 0,
          learning: true,
          proxy: false,
          rsc: false,
          l2miss: false,
          l3miss: false,
          collectMetadata: false,
          ageingSeconds: 300,
          limit: 0,
          udpCsum: true,
          udp6ZeroCsumTx: false,
          udp6ZeroCsumRx: false,
        },
        port: {
          state: 3,
          priority: 32,
          cost: 100,
          hairpin: false,
          learning: true,
          unicastFlood: true,
          mcastFlood: true,
          bcastFlood: true,
          neighSuppress: false,
          isolated: false,
          locked: false,
        },
      },
    ]);
  });

  test('ip -d link show dev br0, dev v0', () => {
    expect(read('ip -d link show dev br0', decodeLink)).toMatchObject([
      {
        index: br0,
        kind: 'bridge',
        bridge: { ageingTime: 30000, stp: 0, vlanFiltering: false, mcastSnooping: true },
        operState: 'up',
      },
    ]);
    expect(read('ip -d link show dev v0', decodeLink)).toMatchObject([
      { index: v0, kind: 'veth', link: v1, group: 7, txQueues: 2, addrGenMode: 'eui64' },
    ]);
  });

  test('ip -4 addr show dev v0, ip -6 addr show dev v0', () => {
    const forever = { preferredSeconds: 0xffffffff, validSeconds: 0xffffffff };
    expect(read('ip -4 addr show dev v0', decodeAddress)).toEqual([
      {
        family: 2,
        ifindex: v0,
        address: '10.0.0.1',
        prefixLength: 24,
        scope: RT_SCOPE.UNIVERSE,
        label: 'v0',
        flags: IFA_F.PERMANENT,
        lifetime: forever,
      },
    ]);
    expect(read('ip -6 addr show dev v0', decodeAddress)).toEqual([
      {
        family: 10,
        ifindex: v0,
        address: 'fe80::42:aff:fe00:c',
        prefixLength: 64,
        scope: RT_SCOPE.LINK,
        flags: IFA_F.PERMANENT | IFA_F.TENTATIVE,
        protocol: 3, // IFAPROT_KERNEL_LL
        lifetime: forever,
      },
    ]);
  });

  test('ip route show table all', () => {
    const routes = read('ip route show table all', decodeRoute);
    expect(routes).toHaveLength(15);
    expect(routes[0]).toEqual({
      family: 2,
      dst: '10.0.0.0',
      dstLength: 24,
      sourceLength: 0,
      tos: 0,
      prefSource: '10.0.0.1',
      oif: v0,
      table: RT_TABLE.MAIN,
      protocol: RTPROT.KERNEL,
      scope: RT_SCOPE.LINK,
      type: RTN.UNICAST,
      flags: 0,
    });
    expect(routes).toContainEqual(
      expect.objectContaining({
        family: 10,
        dst: 'ff00::',
        dstLength: 8,
        table: RT_TABLE.LOCAL,
        priority: 256,
      }),
    );
  });

  test('ip neigh show', () => {
    expect(read('ip neigh show', decodeNeighbour)).toContainEqual({
      family: 2,
      ifindex: v0,
      dst: '10.0.0.7',
      mac: '02:42:0a:00:00:07',
      protocol: 119,
      state: NUD.PERMANENT,
      flags: 0,
      cache: expect.objectContaining({ references: 0 }),
    });
  });

  test('bridge fdb show br br0', () => {
    const rows = read('bridge fdb show br br0', decodeNeighbour);
    expect(rows).toContainEqual({
      family: AF_BRIDGE,
      ifindex: vxlan9,
      mac: '02:42:0a:00:00:05',
      dst: '192.0.2.2',
      port: 8472,
      vni: 77,
      via: v0,
      state: PERMANENT,
      flags: NTF.SELF,
      cache: { confirmed: 0, used: expect.any(Number), updated: expect.any(Number), references: 0 },
    });
    expect(rows).toContainEqual(
      expect.objectContaining({
        ifindex: vxlan9,
        mac: '02:42:0a:00:00:09',
        master: br0,
        state: NUD.PERMANENT,
      }),
    );
  });
});

describe('what is not Ethernet or IP is absent, not a failure of the whole dump', () => {
  const message = (type: number, hex: string): Message => ({
    type,
    flags: 0,
    sequence: 1,
    port: 0,
    body: Buffer.from(hex.replaceAll(' ', ''), 'hex'),
  });

  test('the address of a tunnel (ip link show dev tunl0: link/ipip 0.0.0.0)', () => {
    const link = decodeLink(
      message(16, '0000 0003 02000000 80000000 00000000 0a000300 74756e6c3000 0000 08000100 00000000'),
    );
    expect(link).toMatchObject({ index: 2, name: 'tunl0', hardwareType: 768 });
    expect(link.mac).toBeUndefined();
  });

  test('an address of another family (mctp addr show: one byte)', () => {
    expect(decodeAddress(message(20, '2d 00 00 00 02000000 05000200 08 000000'))).toMatchObject({
      family: 45,
      address: '',
    });
  });
});
