import { describe, expect, it } from 'vitest';
import type { Ip } from './ip.ts';
import { type Fdb, kernelKey, type Neighbour } from './kernel-state.ts';
import { type Mac, ZERO_MAC } from './mac.ts';
import { FDB_STATES, NEIGHBOUR_STATES } from './row-kind.ts';
import { fdbTable, neighbourTable } from './row-table.ts';

/** A small world, so that keys meet often. */
const random = (seed: number) => {
  let state = seed;
  return <T>(choices: readonly T[]): T => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return choices[(state >>> 8) % choices.length]!;
  };
};

const MACS = [
  ZERO_MAC,
  ...Array.from({ length: 40 }, (_, i) => `02:ff:00:0a:${i > 20 ? '00' : '80'}:${10 + i}`),
] as Mac[];
const IPS = [
  ...['0.0.0.0', '10.1.0.5', '255.255.255.255', '10.0.0.1', '::', '::1', 'a00:1::', 'fe80::ff:fe00:5'],
  ...['2001:db8:0:1:1:1:1:1', 'fd00:1::1:0', '1:2:3:4:5:6:7:8', '1::', '0:0:1::', 'ffff::ffff'],
] as Ip[];

const fdbRow = (pick: ReturnType<typeof random>): Fdb => ({
  kind: 'fdb',
  ns: pick(['weft-a-1', 'weft-a-2']),
  dev: pick(['vxlan0', 'p1']),
  table: pick(['self', 'master']),
  mac: pick(MACS),
  dst: pick([undefined, ...IPS]),
  state: pick(FDB_STATES),
});

const neighbourRow = (pick: ReturnType<typeof random>): Neighbour => ({
  kind: 'neighbour',
  ns: pick(['weft-a-1', 'weft-a-2']),
  dev: pick(['vxlan0', 'vxlan1']),
  ip: pick(IPS),
  mac: pick(MACS),
  state: pick(NEIGHBOUR_STATES),
});

describe.each([
  ['FDB', fdbTable, fdbRow],
  ['neighbours', neighbourTable, neighbourRow],
] as const)('a table of %s', (_, emptyTable, anyRow) => {
  const make = emptyTable as typeof fdbTable;
  const any = anyRow as typeof fdbRow;

  it.each([1, 2, 3])('holds what a Map by key would, in its order (seed %i)', (seed) => {
    const pick = random(seed);
    const table = make();
    const map = new Map<string, Fdb>();
    for (let i = 0; i < 600; i++) {
      const row = any(pick);
      const key = kernelKey(row);
      expect(table.get(key)).toEqual(map.get(key));
      if (pick([true, false, false])) expect(table.delete(key)).toBe(map.delete(key));
      else {
        table.add(row);
        map.set(key, row);
      }
      expect(table.has(key)).toBe(map.has(key));
      expect(table.size).toBe(map.size);
    }
    expect([...table.values()]).toEqual([...map.values()]);
  });

  it.each([1, 2, 3])('compares as two Maps would (seed %i)', (seed) => {
    const pick = random(seed);
    const [wished, seen] = [make(), make()];
    for (let i = 0; i < 60; i++) {
      // Devices come up in another order, and so have other numbers.
      const row = any(pick);
      wished.add(row);
      if (pick([true, true, false])) seen.add(pick([row, any(pick)]));
    }
    const [missing, different]: [Fdb[][], Fdb[][]] = [[], []];
    const counts = ({ dev }: { dev: string }) => dev === 'vxlan0';
    const known = wished.compare(
      seen,
      counts,
      (rows) => missing.push([...rows]),
      (row, was) => different.push([row, was]),
    );
    const rows = [...wished.values()];
    const there = (row: Fdb) => seen.get(kernelKey(row));
    expect(known).toBe(rows.filter(there).length);
    const lacking = (row: Fdb) => !counts(row) || !there(row);
    const deviceOf = ({ ns, dev, table }: Fdb) => `${ns} ${dev} ${table}`;
    const devices = [...new Set(rows.map(deviceOf))];
    const byDevice = devices.map((device) => rows.filter((row) => deviceOf(row) === device && lacking(row)));
    expect(missing).toEqual(byDevice.filter(({ length }) => length > 0));
    expect(different).toEqual(
      rows.flatMap((row) => {
        const isSame = lacking(row) || JSON.stringify(there(row)) === JSON.stringify(row);
        return isSame ? [] : [[row, there(row)]];
      }),
    );
    expect([...seen.without(wished)]).toEqual(
      [...seen.values()].filter((row) => !wished.has(kernelKey(row))),
    );
  });

  it('forgets the last rows, and only them', () => {
    const pick = random(7);
    const table = make();
    for (let i = 0; i < 50; i++) table.add(any(pick));
    const rows = [...table.values()];
    table.truncate(20);
    expect([...table.values()]).toEqual(rows.slice(0, 20));
    for (const [i, row] of rows.entries()) expect(table.has(kernelKey(row))).toBe(i < 20);
  });
});

it('reads rows as the kernel tells them', () => {
  const bytes = Uint8Array.of(2, 0xff, 0, 10, 0x80, 0xfe, 10, 99, 255, 1, ...Array(15).fill(0), 5);
  const table = fdbTable();
  const device = { ns: 'n', dev: 'vxlan0', table: 'self' } as const;
  table.addBytes(device, 'learned', bytes, 0, 6, 4);
  expect([...table.values()]).toEqual([
    { kind: 'fdb', ...device, mac: '02:ff:00:0a:80:fe', dst: '10.99.255.1', state: 'learned' },
  ]);
  table.addBytes(device, 'static', bytes, 0, 10, 16);
  table.addBytes(device, 'static', bytes, 6, 0, 0);
  expect([...table.values()].map(({ mac, dst }) => [mac, dst])).toEqual([
    ['02:ff:00:0a:80:fe', '::5'],
    ['0a:63:ff:01:00:00', undefined],
  ]);
});
