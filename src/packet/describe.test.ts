import { describe, expect, it } from 'vitest';
import { putU16 } from './bytes.ts';
import { capturedFrames as captured } from './captured-frames.testdata.ts';
import { decodeFrame } from './decode.ts';
import { describeLayers } from './describe.ts';
import { encodeGratuitousArp } from './encode-frame.ts';
import { hexdump } from './hexdump.ts';
import { summarizeFrame } from './summarize.ts';

describe('a frame in words', () => {
  it('has one line per layer, outside in', () => {
    const frame = captured.arpRequest.slice();
    putU16(frame, 40, 0);
    expect(describeLayers(decodeFrame(frame))).toEqual([
      'outer Ethernet 02:00:00:00:00:01 → 02:00:00:00:00:02',
      'outer IPv4 10.99.0.1 → 10.99.0.2 ttl 64',
      'UDP 54540 → 4789 (VXLAN) length 58 checksum 0',
      'VXLAN flags 0x08 (I: VNI valid) VNI 1048576',
      'inner Ethernet 02:00:0a:01:00:02 → ff:ff:ff:ff:ff:ff',
      'inner ARP who-has 10.1.0.3 tell 10.1.0.2',
    ]);
  });

  it.each([
    ['arpReply', ['inner ARP reply 10.1.0.3 is-at 02:00:0a:01:00:03']],
    [
      'echoRequest',
      [
        'inner IPv4 10.1.0.2 → 10.1.0.3 ttl 64 DF',
        'inner ICMP echo request id 3428 seq 1',
        'inner data, 56 bytes',
      ],
    ],
    ['neighbourAdvertisement', ['inner ICMPv6 neighbour advertisement, fd01::3 is-at 02:00:0a:01:00:03']],
    ['mldReport', ['inner ICMPv6 multicast listener report v2 ff02::1:ff01:2 ff02::1:ff00:2']],
    ['udp', ['inner UDP 60112 → 54 length 14 checksum 0x1426 partial', 'inner data, 6 bytes']],
    ['portUnreachable', ['inner ICMP unreachable code 3', 'inner data, 34 bytes']],
    ['lastFragment', ['IPv4 10.99.0.1 → 10.99.0.2 ttl 64 fragment at 1480, the last', 'data, 50 bytes']],
  ] as const)('%s ends in its own terms', (name, lines) => {
    expect(describeLayers(decodeFrame(captured[name])).slice(-lines.length)).toEqual(lines);
  });

  it('knows nothing of outer and inner where there is no tunnel', () => {
    expect(
      describeLayers(decodeFrame(encodeGratuitousArp({ mac: '02:00:0a:01:00:02', ip: '10.1.0.2' }))),
    ).toEqual(['Ethernet 02:00:0a:01:00:02 → ff:ff:ff:ff:ff:ff', 'ARP who-has 10.1.0.2 tell 10.1.0.2']);
  });

  it('says where it breaks off, and in which frame', () => {
    const lines = describeLayers(decodeFrame(captured.arpRequest.subarray(0, 60)));
    expect(lines.slice(-2)).toEqual([
      'inner malformed Ethernet: 10 of 14 header bytes',
      'outer malformed IPv4: 58 bytes promised, 26 are here',
    ]);
  });

  it('has a short form with both frames on one line', () => {
    expect(summarizeFrame(decodeFrame(captured.tcpPush))).toBe(
      'IP 10.99.0.1.57657 > 10.99.0.2.4789: VXLAN, flags [I] (0x08), vni 1048576 | ' +
        'IP 10.1.0.2.56004 > 10.1.0.3.5201: Flags [P.], seq 166433285:166433295, ack 1507433203, win 64, length 10',
    );
  });
});

describe('a hexdump', () => {
  const frame = captured.arpRequest.subarray(0, 50);
  const layers = decodeFrame(frame);

  it('shows 16 bytes a line, in hexadecimal and as text', () => {
    expect(hexdump(frame, layers).slice(1)).toEqual([
      '0010  00 4e 2a 8b 00 00 40 11 3b 4c 0a 63 00 01 0a 63  .N*...@.;L.c...c',
      '0020  00 02 d5 0c 12 b5 00 3a 15 14 08 00 00 00 10 00  .......:........',
      '0030  00 00                                            ..',
    ]);
  });

  it('paints each layer where it lies', () => {
    const painted = hexdump(frame, layers, (text, index) => `<${index}:${text}>`);
    expect(painted[2]).toBe(
      '0020  <1:00 02> <2:d5 0c 12 b5 00 3a 15 14> <3:08 00 00 00 10 00>  <1:..><2:.....:..><3:......>',
    );
  });
});
