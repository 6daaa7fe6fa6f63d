import { expect, test } from 'vitest';
import { PackedRequests } from '../packed-requests.ts';
import { AF_BRIDGE } from './bridge-port.ts';
import { encodeNewNeighbour, NTF, NUD, packNewNeighbour } from './neighbour.ts';

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

test('a full send is told, and a wrong row leaves nothing behind', () => {
  const packed = new PackedRequests();
  expect(() => packNewNeighbour(packed, { ifindex: 1, mac: '02:00', dst: '10.1.0.3' }, 'replace')).toThrow();
  expect(packed.count).toBe(0);
  while (packNewNeighbour(packed, ROWS[0]!, 'replace'));
  expect(packed.length).toBeGreaterThan(32_000);
});
