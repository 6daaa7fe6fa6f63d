import { describe, expect, it } from 'vitest';
import { concat, putU16 } from './bytes.ts';
import { capturedFrames as captured } from './captured-frames.testdata.ts';
import { decodeFrame } from './decode.ts';
import { findLayer, type Layer, layersAt } from './layer.ts';

const kinds = (layers: Layer[]) => layers.map((layer) => layer.layer);
const inner = <K extends Layer['layer']>(frame: Uint8Array, kind: K) =>
  findLayer(layersAt(decodeFrame(frame), 1), kind)!;

describe('a captured frame', () => {
  it('is read outside in, each layer with its bytes', () => {
    expect(decodeFrame(captured.arpRequest)).toEqual([
      {
        layer: 'ethernet',
        destination: '02:00:00:00:00:02',
        source: '02:00:00:00:00:01',
        etherType: 0x0800,
        start: 0,
        end: 14,
        depth: 0,
      },
      {
        layer: 'ipv4',
        source: '10.99.0.1',
        destination: '10.99.0.2',
        ttl: 64,
        protocol: 17,
        dscp: 0,
        ecn: 0,
        id: 0x2a8b,
        dontFragment: false,
        moreFragments: false,
        fragmentOffset: 0,
        totalLength: 78,
        checksum: 0x3b4c,
        checksumState: 'good',
        start: 14,
        end: 34,
        depth: 0,
      },
      {
        layer: 'udp',
        sourcePort: 54540,
        destinationPort: 4789,
        length: 58,
        checksum: 0x1514,
        checksumState: 'partial',
        start: 34,
        end: 42,
        depth: 0,
      },
      { layer: 'vxlan', flags: 8, vniValid: true, vni: 1048576, start: 42, end: 50, depth: 0 },
      {
        layer: 'ethernet',
        destination: 'ff:ff:ff:ff:ff:ff',
        source: '02:00:0a:01:00:02',
        etherType: 0x0806,
        start: 50,
        end: 64,
        depth: 1,
      },
      {
        layer: 'arp',
        operation: 1,
        senderMac: '02:00:0a:01:00:02',
        senderIp: '10.1.0.2',
        targetMac: '00:00:00:00:00:00',
        targetIp: '10.1.0.3',
        start: 64,
        end: 92,
        depth: 1,
      },
    ]);
  });

  it('is read over an IPv6 underlay', () => {
    const layers = decodeFrame(captured.echoRequestOverIpv6);
    expect(kinds(layers)).toEqual([
      ...['ethernet', 'ipv6', 'udp', 'vxlan'],
      ...['ethernet', 'ipv4', 'icmp', 'payload'],
    ]);
    expect(findLayer(layers, 'ipv6')).toMatchObject({
      source: 'fd99::1',
      destination: 'fd99::2',
      hopLimit: 64,
    });
    expect(findLayer(layers, 'icmp')).toMatchObject({
      checksumState: 'good',
      message: { kind: 'echo-request', id: 3430, sequence: 1 },
    });
  });

  it('gives neighbour discovery and multicast listener messages', () => {
    expect(inner(captured.neighbourSolicitation, 'icmpv6').message).toEqual({
      kind: 'neighbour-solicitation',
      target: 'fd01::3',
      sourceMac: '02:00:0a:01:00:02',
    });
    expect(inner(captured.neighbourAdvertisement, 'icmpv6').message).toEqual({
      kind: 'neighbour-advertisement',
      target: 'fd01::3',
      targetMac: '02:00:0a:01:00:03',
      router: false,
      solicited: true,
      override: true,
    });
    expect(inner(captured.routerSolicitation, 'icmpv6').message).toEqual({
      kind: 'router-solicitation',
      sourceMac: '02:00:0a:01:00:02',
    });
    expect(inner(captured.mldReport, 'icmpv6').message).toEqual({
      kind: 'mld-report-v2',
      groups: ['ff02::1:ff01:2', 'ff02::1:ff00:2'],
    });
  });

  it('keeps IPv6 extension headers in the layer of IPv6', () => {
    expect(inner(captured.mldReport, 'ipv6')).toMatchObject({
      extensions: [0],
      protocol: 58,
      start: 64,
      end: 112,
    });
  });

  it('gives the header of TCP', () => {
    expect(inner(captured.tcpPush, 'tcp')).toMatchObject({
      sourcePort: 56004,
      destinationPort: 5201,
      sequence: 166433285,
      acknowledgement: 1507433203,
      flags: 'P.',
      length: 10,
    });
  });
});

describe('checksums', () => {
  it('are good, or what the kernel leaves to a card', () => {
    expect(inner(captured.neighbourSolicitation, 'icmpv6').checksumState).toBe('good');
    expect(inner(captured.tcpSyn, 'tcp').checksumState).toBe('partial');
    // The outer one is computed as if the inner were finished already (local checksum offload).
    expect(findLayer(decodeFrame(captured.tcpSyn), 'udp')!.checksumState).toBe('partial');
    expect(findLayer(decodeFrame(captured.udp), 'udp')!.checksumState).toBe('partial');
  });

  it.each([
    ['ipv4', 22, 0],
    ['udp', 41, 0],
    ['icmp', 99, 1],
  ] as const)('of %s are bad when a byte is', (kind, at, depth) => {
    const frame = captured.echoRequest.slice();
    frame[at] = frame[at]! ^ 1;
    expect(findLayer(layersAt(decodeFrame(frame), depth), kind)).toMatchObject({ checksumState: 'bad' });
  });

  it('of an offloaded tunnel are bad when a byte before the inner transport is', () => {
    const frame = captured.tcpSyn.slice();
    frame[55] = frame[55]! ^ 1;
    expect(findLayer(decodeFrame(frame), 'udp')!.checksumState).toBe('bad');
  });

  it('of UDP may be absent', () => {
    const frame = captured.arpRequest.slice();
    putU16(frame, 40, 0);
    expect(findLayer(decodeFrame(frame), 'udp')!.checksumState).toBe('none');
  });
});

describe('what is not all here', () => {
  it('a cut capture is read as far as it goes', () => {
    const layers = decodeFrame(captured.echoRequest.subarray(0, 120));
    expect(kinds(layers).slice(-3)).toEqual(['icmp', 'payload', 'malformed']);
    expect(layers.at(-1)).toEqual({
      layer: 'malformed',
      at: 'ipv4',
      why: '114 bytes promised, 86 are here',
      start: 120,
      end: 120,
      depth: 0,
    });
    expect(findLayer(layers, 'icmp')!.checksumState).toBe('unverified');
  });

  it('a first fragment shows its headers and promises nothing', () => {
    const layers = decodeFrame(captured.firstFragment);
    expect(kinds(layers)).toEqual([
      ...['ethernet', 'ipv4', 'udp', 'vxlan'],
      ...['ethernet', 'ipv4', 'icmp', 'payload'],
    ]);
  });

  it('a later fragment is not mistaken for a transport header', () => {
    const layers = decodeFrame(captured.lastFragment);
    expect(kinds(layers)).toEqual(['ethernet', 'ipv4', 'payload']);
    expect(findLayer(layers, 'ipv4')).toMatchObject({ fragmentOffset: 1480, moreFragments: false });
  });
});

describe('hostile bytes', () => {
  /** An ARP request within a tunnel with bytes written over it. */
  const altered = (at: number, ...bytes: number[]) => {
    const frame = captured.arpRequest.slice();
    frame.set(bytes, at);
    return decodeFrame(frame);
  };

  it.each([
    ['an IPv4 header of 16 bytes', 14, [0x44], 'ipv4', 'header length 16'],
    ['ARP for addresses of 5 bytes', 64, [0, 1, 8, 0, 6, 5], 'arp', 'not IPv4 over Ethernet'],
    ['a total length below the header', 16, [0, 19], 'ipv4', 'total length 19'],
    ['IPv6 announced, IPv4 delivered', 12, [0x86, 0xdd], 'ipv6', 'version 4'],
    ['a UDP length below its header', 38, [0, 7], 'udp', 'length 7'],
  ])('%s', (_, at, bytes, layer, why) => {
    expect(altered(at, ...bytes).find(({ layer }) => layer === 'malformed')).toMatchObject({
      at: layer,
      why,
    });
  });

  it.each([0, 13, 20, 37, 45, 60, 80])('%i bytes of a frame', (length) => {
    const layers = decodeFrame(captured.arpRequest.subarray(0, length));
    expect(layers.some(({ layer }) => layer === 'malformed')).toBe(true);
    expect(layers.at(-1)!.end).toBe(length);
  });

  it.each([0, 2])('an ND option of length %i, of which 1 is there', (length) => {
    const frame = captured.neighbourSolicitation.slice();
    frame[frame.length - 7] = length;
    expect(decodeFrame(frame).at(-1)).toMatchObject({
      at: 'icmpv6',
      why: 'neighbour discovery option cut short',
    });
  });

  it('tunnels within tunnels are followed four deep', () => {
    const header = captured.arpRequest.subarray(0, 50).slice();
    putU16(header, 16, 0); // lengths 0: to the end
    putU16(header, 38, 0);
    const layers = decodeFrame(concat(...Array<Uint8Array>(9).fill(header)));
    expect(kinds(layers).filter((kind) => kind === 'vxlan')).toHaveLength(4);
    expect(layers.at(-1)).toMatchObject({ layer: 'payload', depth: 4, end: 450 });
  });
});

describe('what a frame may hold besides', () => {
  it('802.1Q tags, one within another', () => {
    const { arpRequest: frame } = captured;
    const tags = Uint8Array.of(0x88, 0xa8, 0x00, 0xc8, 0x81, 0x00, 0xb0, 0x64);
    const layers = decodeFrame(concat(frame.subarray(50, 62), tags, frame.subarray(62)));
    expect(kinds(layers)).toEqual(['ethernet', 'vlan', 'vlan', 'arp']);
    expect(layers.slice(1, 3)).toMatchObject([
      { tag: 0x88a8, vid: 200, priority: 0, dropEligible: false },
      { tag: 0x8100, vid: 100, priority: 5, dropEligible: true, etherType: 0x0806 },
    ]);
  });

  it('padding up to 60 bytes', () => {
    const layers = decodeFrame(concat(captured.arpRequest.subarray(50), new Uint8Array(18)));
    expect(kinds(layers)).toEqual(['ethernet', 'arp', 'padding']);
  });

  it('an 802.3 length instead of a type', () => {
    const frame = new Uint8Array(60);
    putU16(frame, 12, 38);
    expect(decodeFrame(frame).slice(1)).toMatchObject([
      { layer: 'payload', start: 14, end: 52 },
      { layer: 'padding', start: 52, end: 60 },
    ]);
  });

  it('VXLAN on other ports only when told so', () => {
    const frame = captured.arpRequest.slice();
    putU16(frame, 36, 8472);
    expect(findLayer(decodeFrame(frame), 'vxlan')).toBeUndefined();
    expect(findLayer(decodeFrame(frame, [4789, 8472]), 'vxlan')).toMatchObject({ vni: 1048576 });
  });

  it('VXLAN without the I flag, whose content nobody may read', () => {
    const frame = captured.arpRequest.slice();
    frame[42] = 0;
    const layers = decodeFrame(frame);
    expect(kinds(layers).slice(-2)).toEqual(['vxlan', 'payload']);
    expect(layers.at(-2)).toMatchObject({ vniValid: false });
  });

  it('router advertisements and packets too big', () => {
    const advertisement = [
      134,
      0,
      0,
      0,
      64,
      0,
      0x07,
      0x08,
      ...Array(8).fill(0),
      5,
      1,
      0,
      0,
      0,
      0,
      0x05,
      0x78,
    ];
    expect(findLayer(icmpv6Frame(advertisement), 'icmpv6')!.message).toEqual({
      kind: 'router-advertisement',
      hopLimit: 64,
      lifetimeSeconds: 1800,
      mtu: 1400,
    });
    expect(findLayer(icmpv6Frame([2, 0, 0, 0, 0, 0, 0x05, 0x78]), 'icmpv6')!.message).toEqual({
      kind: 'packet-too-big',
      mtu: 1400,
    });
  });

  it('every IPv6 extension header, AH with its own unit', () => {
    const chain = [
      ...[43, 0, 0, 0, 0, 0, 0, 0], // hop by hop, then routing
      ...[51, 0, 0, 0, 0, 0, 0, 0], // routing, then AH
      ...[60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // AH of 12 bytes, then destination options
      ...[44, 0, 0, 0, 0, 0, 0, 0], // then fragment
      ...[17, 0, 0, 9, 0, 0, 0, 0], // offset 8, more follow, then UDP
    ];
    expect(findLayer(ipv6Frame(0, chain), 'ipv6')).toMatchObject({
      extensions: [0, 43, 51, 60, 44],
      protocol: 17,
      fragmentOffset: 8,
      moreFragments: true,
    });
    expect(ipv6Frame(0, chain.slice(0, 20)).at(-1)).toMatchObject({
      at: 'ipv6',
      why: 'extension header 51 cut short',
    });
  });

  /** A frame from fe80::1 to ff02::1. */
  function ipv6Frame(protocol: number, payload: number[]): Layer[] {
    const header = captured.neighbourSolicitation.slice(50, 104);
    putU16(header, 18, payload.length);
    header[20] = protocol;
    return decodeFrame(concat(header, Uint8Array.from(payload)));
  }

  function icmpv6Frame(message: number[]): Layer[] {
    return ipv6Frame(58, message);
  }
});
