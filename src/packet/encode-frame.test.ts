import { describe, expect, it } from 'vitest';
import { capturedFrames as captured } from './captured-frames.testdata.ts';
import { decodeFrame } from './decode.ts';
import {
  encodeArpReply,
  encodeArpRequest,
  encodeGratuitousArp,
  encodeIcmpEcho,
  encodeNeighbourAdvertisement,
} from './encode-frame.ts';
import { summarizeFrame } from './summarize.ts';

const two = { mac: '02:00:0a:01:00:02', ip: '10.1.0.2' };
const three = { mac: '02:00:0a:01:00:03', ip: '10.1.0.3' };
const two6 = { ...two, ip: 'fd01::2' };
const three6 = { ...three, ip: 'fd01::3' };

/** The frame that the kernel sent in the tunnel. */
const within = (frame: Uint8Array) => Uint8Array.from(frame.subarray(50));

describe('frames that Weft sends', () => {
  it('are byte for byte what the kernel sends for the same', () => {
    expect(encodeArpRequest(two, '10.1.0.3')).toEqual(within(captured.arpRequest));
    expect(encodeArpReply(three, two)).toEqual(within(captured.arpReply));
    expect(encodeNeighbourAdvertisement(three6, two6)).toEqual(within(captured.neighbourAdvertisement));
  });

  it('ask for nobody else in a gratuitous ARP', () => {
    const layers = decodeFrame(encodeGratuitousArp(two));
    expect(layers[0]).toMatchObject({ destination: 'ff:ff:ff:ff:ff:ff', source: two.mac });
    expect(layers[1]).toMatchObject({ operation: 1, senderMac: two.mac, senderIp: two.ip, targetIp: two.ip });
  });

  it('go to all nodes in an advertisement that nobody asked for', () => {
    const [ethernet, ipv6, icmpv6] = decodeFrame(encodeNeighbourAdvertisement(three6));
    expect(ethernet).toMatchObject({ destination: '33:33:00:00:00:01' });
    expect(ipv6).toMatchObject({ source: 'fd01::3', destination: 'ff02::1', hopLimit: 255 });
    expect(icmpv6).toMatchObject({
      checksumState: 'good',
      message: { target: 'fd01::3', targetMac: three.mac, solicited: false, override: true },
    });
  });

  it.each([
    ['IPv4', two, three],
    ['IPv6', two6, three6],
  ])('echo over %s with good checksums, odd lengths included', (_, from, to) => {
    const echo = { id: 7, sequence: 65535, data: Uint8Array.of(1, 2, 3) };
    for (const kind of ['request', 'reply'] as const) {
      const layers = decodeFrame(encodeIcmpEcho(kind, from, to, echo));
      expect(layers[2]).toMatchObject({
        checksumState: 'good',
        message: { kind: `echo-${kind}`, id: 7, sequence: 65535 },
      });
      expect(summarizeFrame(layers)).toContain(`${from.ip} > ${to.ip}`);
    }
  });

  it('refuse text that is no address', () => {
    expect(() => encodeArpReply({ ...three, mac: 'nonsense' }, two)).toThrow(RangeError);
    expect(() => encodeGratuitousArp({ ...two, ip: '10.1.0' })).toThrow(RangeError);
  });
});
