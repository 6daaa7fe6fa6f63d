import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { World } from '#intent/test-world.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { put, remove, type StoredRecord } from '#model/records.ts';
import { ChangeSchema, RecordSchema } from './gen/weft/v1/records_pb.ts';
import {
  changeFromWire,
  changeToWire,
  parseRecord,
  recordFromWire,
  recordToWire,
  WireError,
} from './wire-records.ts';

function allKinds(): StoredRecord[] {
  const world = new World();
  world.host('h1', { labels: { rack: 'a' }, takenPorts: [53], routes: ['192.168.0.0/16'] });
  world.network('app');
  world.endpoint('app', 'h1', 'c1', { aliases: ['web', 'www'] });
  const network = world.snapshot.networkNamed('app')!;
  const other = { port: 4790, mode: 'flood', mtu: 1400, ttl: 9, device: 1 } as const;
  world.snapshot.apply([put({ ...network, change: { phase: 'prepare', other, since: 7 } })], 7);
  const { subject } = world.do({ wish: 'adopt-bridge', host: 'h1', bridge: 'br-1', network: 'shared' });
  const station = { mac: '02:42:ac:12:00:02' as Mac, addresses: ['172.18.0.2' as Ip], generation: 2 };
  world.do({ wish: 'publish-stations', adoption: subject!.id, stations: [station] });
  return [...world.snapshot.records()];
}

/** Through bytes, as between processes. */
const travel = (record: StoredRecord): StoredRecord =>
  recordFromWire(fromBinary(RecordSchema, toBinary(RecordSchema, recordToWire(record))));

test.each(allKinds().map((record) => [record.kind, record] as const))(
  'a %s arrives as it left, and as a plain object',
  (_kind, record) => {
    expect(travel(record)).toStrictEqual(record);
    expect(Object.keys(travel(record)).some((key) => key.startsWith('$'))).toBe(false);
  },
);

test('so do changes', () => {
  for (const record of allKinds())
    for (const change of [put(record), remove(record)]) {
      const bytes = toBinary(ChangeSchema, changeToWire(change));
      expect(changeFromWire(fromBinary(ChangeSchema, bytes))).toStrictEqual(
        change.verb === 'put' ? change : { verb: 'delete', ref: { kind: record.kind, id: record.id } },
      );
    }
});

describe('hostile records', () => {
  const [endpoint] = allKinds().filter((record) => record.kind === 'endpoint');
  const [network] = allKinds().filter((record) => record.kind === 'network');

  test.each([
    ['endpoint', { mac: '33:33:00:00:00:01' }, 'endpoint.mac'],
    ['endpoint', { mac: '02:00:00:00:00:0A' }, 'endpoint.mac'],
    ['endpoint', { addresses: ['10.0.0.01'] }, 'endpoint.addresses.0'],
    ['endpoint', { interface: '../../eth0' }, 'endpoint.interface'],
    ['endpoint', { name: 'a;b' }, 'endpoint.name'],
    ['endpoint', { id: '__proto__' }, 'endpoint.id'],
    ['endpoint', { generation: -1 }, 'endpoint.generation'],
    ['endpoint', { runtime: 'other' }, 'endpoint.runtime'],
    ['network', { vni: 2 ** 24 }, 'network.vni'],
    ['network', { mode: 'magic' }, 'network.mode'],
    ['network', { subnets: [{ cidr: '10.0.0.1/24', gateway: '10.0.0.1' }] }, 'network.subnets.0.cidr'],
    ['network', { port: 0 }, 'network.port'],
    ['network', { device: 2 }, 'network.device'],
    ['network', { change: { phase: 'never', other: {}, since: 1 } }, 'network.change.phase'],
  ] as const)('%s with %o is refused, and the field named', (kind, change, field) => {
    const record = { ...(kind === 'endpoint' ? endpoint : network), ...change };
    try {
      parseRecord(kind, record);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
      expect((error as WireError).faults.map((fault) => fault.field)).toContain(field);
    }
  });

  test('of an unknown kind, or empty, are refused', () => {
    expect(() => parseRecord('router', {})).toThrow(/unknown kind/);
    expect(() => recordFromWire(undefined)).toThrow(WireError);
  });
});
