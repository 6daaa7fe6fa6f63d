import { describe, expect, it } from 'vitest';
import { capturedFrames as captured } from './captured-frames.testdata.ts';
import { classifyFrame } from './classify.ts';
import { decodeFrame } from './decode.ts';
import { encodeGratuitousArp } from './encode-frame.ts';

const classOf = (frame: Uint8Array) => classifyFrame(decodeFrame(frame));

describe('the class of a captured frame', () => {
  it('names tunnel, network, kind and inner addresses', () => {
    expect(classOf(captured.arpRequest)).toEqual({
      tunnel: { source: '10.99.0.1', destination: '10.99.0.2', port: 4789 },
      vni: 1048576,
      kind: 'arp-request',
      sourceMac: '02:00:0a:01:00:02',
      destinationMac: 'ff:ff:ff:ff:ff:ff',
      sourceIp: '10.1.0.2',
      destinationIp: '10.1.0.3',
      target: '10.1.0.3',
    });
  });

  it.each([
    ['arpReply', { kind: 'arp-reply', target: '10.1.0.3', destinationIp: '10.1.0.2' }],
    [
      'neighbourSolicitation',
      { kind: 'neighbour-solicitation', target: 'fd01::3', destinationIp: 'ff02::1:ff00:3' },
    ],
    ['neighbourAdvertisement', { kind: 'neighbour-advertisement', target: 'fd01::3', sourceIp: 'fd01::3' }],
    ['routerSolicitation', { kind: 'router-solicitation', target: undefined }],
    ['mldReport', { kind: 'mld', sourceIp: '::' }],
    ['echoRequest', { kind: 'icmp-echo', sourceIp: '10.1.0.2', destinationIp: '10.1.0.3' }],
    ['echoRequestIpv6', { kind: 'icmp-echo', sourceIp: 'fd01::2' }],
    ['echoRequestOverIpv6', { kind: 'icmp-echo', vni: 1048577, tunnel: { source: 'fd99::1' } }],
    ['tcpSyn', { kind: 'tcp', vni: 1048576 }],
    ['udp', { kind: 'udp', vni: 1048576 }],
    ['portUnreachable', { kind: 'other', sourceIp: '10.1.0.3' }],
    ['lastFragment', { kind: 'other', tunnel: undefined, vni: undefined }],
  ] as const)('%s', (name, expected) => {
    expect({
      tunnel: undefined,
      target: undefined,
      vni: undefined,
      ...classOf(captured[name]),
    }).toMatchObject(expected);
  });

  it('of a frame in no tunnel is its own', () => {
    const seen = classOf(encodeGratuitousArp({ mac: '02:00:0a:01:00:02', ip: '10.1.0.2' }));
    expect(seen).toMatchObject({ kind: 'arp-request', sourceIp: '10.1.0.2', target: '10.1.0.2' });
    expect(seen.tunnel).toBeUndefined();
  });

  it('trusts no VNI without the I flag', () => {
    const frame = captured.arpRequest.slice();
    frame[42] = 0;
    const seen = classOf(frame);
    expect(seen.vni).toBeUndefined();
    expect(seen).toMatchObject({ kind: 'other', tunnel: { destination: '10.99.0.2' } });
  });
});
