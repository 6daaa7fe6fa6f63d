import { describe, expect, it } from 'vitest';
import { capturedFrames as captured } from './captured-frames.testdata.ts';
import { decodeFrame } from './decode.ts';
import { encodeGratuitousArp } from './encode-frame.ts';
import { explainFrame } from './explain.ts';

const SEES = 'the underlay sees only the outer addresses, the containers only the inner ones.';

describe('the sentence about a frame', () => {
  it('names hosts and network where it is told them', () => {
    const names = { hosts: { '10.99.0.1': 'h1', '10.99.0.2': 'h2' }, networks: { 1048576: 'blue' } };
    expect(explainFrame(decodeFrame(captured.echoRequest), names)).toBe(
      "Host h1's VTEP 10.99.0.1 wrapped an Ethernet frame of network blue (VNI 1048576), 98 bytes with an ICMP echo " +
        `request from 10.1.0.2 to 10.1.0.3, in UDP to host h2's VTEP 10.99.0.2:4789; ${SEES}`,
    );
  });

  it('gives bare addresses and numbers otherwise', () => {
    expect(explainFrame(decodeFrame(captured.arpRequestOverIpv6))).toBe(
      'VTEP fd99::1 wrapped an Ethernet frame of network VNI 1048577, 42 bytes with an ARP request for 10.2.0.3 ' +
        `from 10.2.0.2, in UDP to VTEP [fd99::2]:4789; ${SEES}`,
    );
  });

  it('claims no tunnel where it sees none', () => {
    expect(explainFrame(decodeFrame(encodeGratuitousArp({ mac: '02:00:0a:01:00:02', ip: '10.1.0.2' })))).toBe(
      'No tunnel header is in this frame of 42 bytes with an ARP request for 10.1.0.2 from 10.1.0.2.',
    );
    expect(explainFrame(decodeFrame(captured.lastFragment))).toBe(
      'No tunnel header is in this frame of 84 bytes with a later fragment of an IP packet from 10.99.0.1 to 10.99.0.2.',
    );
  });

  it('proves nothing by a VNI that is not valid', () => {
    const frame = captured.arpRequest.slice();
    frame[42] = 0;
    expect(explainFrame(decodeFrame(frame))).toBe(
      'VTEP 10.99.0.1 sent VXLAN without a valid VNI to VTEP 10.99.0.2:4789, which drops it.',
    );
  });

  it('says that it could not read on', () => {
    expect(explainFrame(decodeFrame(captured.arpRequest.subarray(0, 60)))).toMatch(
      /42 bytes with nothing readable, .*; it cannot be read to its end \(ethernet: 10 of 14 header bytes\)\.$/,
    );
  });
});
