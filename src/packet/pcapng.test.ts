import { describe, expect, it } from 'vitest';
import { encodeInterfaceDescription, encodePacket, encodeSectionHeader } from './pcapng.ts';

const view = (bytes: Uint8Array<ArrayBuffer>) => new DataView(bytes.buffer);

/** That tcpdump reads whole files of these is in test/kernel/packet.test.ts. */
describe('pcapng blocks', () => {
  it('carry their length at both ends, in multiples of four', () => {
    const packet = (length: number) =>
      encodePacket({ interfaceIndex: 0, timeNs: 0n, bytes: new Uint8Array(length) });
    for (const block of [
      encodeSectionHeader(),
      encodeInterfaceDescription('h1:eth0'),
      ...[0, 1, 2, 3, 4].map(packet),
    ]) {
      expect(block.length % 4).toBe(0);
      expect(view(block).getUint32(4, true)).toBe(block.length);
      expect(view(block).getUint32(block.length - 4, true)).toBe(block.length);
    }
  });

  it('describe an interface by name, with times in nanoseconds', () => {
    expect(Buffer.from(encodeInterfaceDescription('h1:eth0')).toString('hex')).toBe(
      '010000002c000000' + // type 1, 44 bytes
        '0100000000000400' + // Ethernet, 262144 bytes at most
        '0200070068313a6574683000' + // if_name
        '0900010009000000' + // if_tsresol 10^-9
        '00000000' +
        '2c000000',
    );
  });

  it('keep time and the length before cutting', () => {
    const timeNs = 1_700_000_000_123_456_789n;
    const block = view(
      encodePacket({ interfaceIndex: 2, timeNs, bytes: new Uint8Array(5), originalLength: 1514 }),
    );
    expect(block.getUint32(8, true)).toBe(2);
    expect((BigInt(block.getUint32(12, true)) << 32n) | BigInt(block.getUint32(16, true))).toBe(timeNs);
    expect([block.getUint32(20, true), block.getUint32(24, true)]).toEqual([5, 1514]);
  });
});
