import { expect, test } from 'vitest';
import { PackedRequests } from '../packed-requests.ts';
import { AF_BRIDGE } from './bridge-port.ts';
import { encodeNewNeighbour, NTF, NUD, packNeighbourWords, packNewNeighbour } from './neighbour.ts';

const ROWS = [
  { family: AF_BRIDGE, ifindex: 7, mac: '02:00:0a:01:00:ff', dst: '192.0.2.200', flags: NTF.SELF },
  { family: AF_BRIDGE, ifindex: 7, mac: '00:00:00:00:00:00', dst: 'fd99::1', flags: NTF.SELF },
  { family: AF_BRIDGE, ifindex: 70_000, mac: '02:00:0a:01:00:fe', state: NUD.NOARP, flags: NTF.MASTER },
  { ifindex: 9, mac: '02:00:0a:01:00:ff', dst: '10.1.0.3', state: NUD.PERMANENT, protocol: 119 },
  { ifindex: 9, mac: '02:00:0a:01:00:ff', dst: 'fe80::ff:fe00:5', protocol: 119 },
];

test.each(['replace', 'append'] as const)('packs the messages that encodeNewNeighbour makes: %s', (mode) => {
  const packed = new PackedRequests();
  // What was there before must not show.
  packed.bytes.fill(0xff);
  for (const row of ROWS) expect(packNewNeighbour(packed, row, mode)).toBe(true);
  packed.stamp(5);
  ROWS.forEach((row, i) => {
    const expected = encodeNewNeighbour(row, mode);
    const message = packed.get(i);
    expect(message.readUInt32LE(8)).toBe(5 + i);
    message.writeUInt32LE(0, 8);
    if (i === ROWS.length - 1) message.writeUInt16LE(message.readUInt16LE(6) & ~4, 6);
    expect(message).toEqual(expected);
  });
});

test('packs rows of words as it does those of texts', () => {
  const packed = new PackedRequests();
  packed.bytes.fill(0xff);
  const words = Uint32Array.of(0x0200, 0x0a0100ff, 0xc00002c8, 0xfd990000, 0, 0x80, 0xfffe0001);
  const bridge = { family: AF_BRIDGE, ifindex: 7, state: NUD.PERMANENT, flags: NTF.SELF, words, macAt: 0 };
  const plain = { ifindex: 70_000, state: NUD.NOARP, flags: 0, words, macAt: 0, protocol: 119 };
  const rows = [
    { ...bridge, ipAt: 2, ipWords: 1 },
    { ...bridge, ipAt: 3, ipWords: 4 },
    { ...bridge, flags: NTF.MASTER, ipAt: 0, ipWords: 0 },
    { ...plain, ipAt: 2, ipWords: 1 },
    { ...plain, ipAt: 3, ipWords: 4 },
  ];
  const ips = ['192.0.2.200', 'fd99::80:fffe:1', undefined, '192.0.2.200', 'fd99::80:fffe:1'];
  for (const row of rows) expect(packNeighbourWords(packed, row, 'replace')).toBe(true);
  rows.forEach(({ words, macAt, ipAt, ipWords, ...row }, i) => {
    const expected = encodeNewNeighbour({ ...row, mac: '02:00:0a:01:00:ff', dst: ips[i] }, 'replace');
    const message = packed.get(i);
    message.writeUInt32LE(0, 8);
    expect(message).toEqual(expected);
  });
  while (packNeighbourWords(packed, rows[0]!, 'append'));
  expect(packed.length).toBeGreaterThan(32_000);
});

test('a full send is told, and a wrong row leaves nothing behind', () => {
  const packed = new PackedRequests();
  expect(() => packNewNeighbour(packed, { ifindex: 1, mac: '02:00', dst: '10.1.0.3' }, 'replace')).toThrow();
  expect(packed.count).toBe(0);
  while (packNewNeighbour(packed, ROWS[0]!, 'replace'));
  expect(packed.length).toBeGreaterThan(32_000);
});
