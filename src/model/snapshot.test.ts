import { describe, expect, test } from 'vitest';
import type { Cidr } from './cidr.ts';
import type { Id } from './id.ts';
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import {
  type Block,
  type Change,
  type Endpoint,
  type Host,
  type Network,
  put,
  type RecordKind,
  remove,
  type StoredRecord,
} from './records.ts';
import { Snapshot, type SnapshotView } from './snapshot.ts';
import { seededDice } from './test-random.ts';
import type { Vni } from './vni.ts';

const id = (kind: RecordKind, n: number): Id => (`0${kind[0]!.toUpperCase()}`.padEnd(25, '0') + n) as Id;

const host = (n: number, name: string): Host => ({
  kind: 'host',
  id: id('host', n),
  name,
  epoch: 1,
  underlay: [`10.99.0.${n}` as Ip],
  labels: {},
  facts: { underlayMtu: 1500, takenPorts: [], routes: [], underlayInterfaces: [] },
});
const network = (n: number, name: string): Network => ({
  kind: 'network',
  id: id('network', n),
  name,
  vni: (1000 + n) as Vni,
  port: 4789,
  mode: 'proxy',
  underlay: 'ipv4',
  mtu: 1450,
  ttl: 64,
  subnets: [],
  adopts: false,
  internal: false,
  gateway: 'runtime',
  portSecurity: 'on',
  labels: {},
});
const block = (n: number, of: { network: number; host: number }): Block => ({
  kind: 'block',
  id: id('block', n),
  network: id('network', of.network),
  host: id('host', of.host),
  cidr: `10.1.${n}.0/28` as Cidr,
  epoch: 1,
  except: [],
  retired: 0,
});
const endpoint = (
  n: number,
  of: { network: number; host: number; mac: number; ips: readonly number[] },
): Endpoint => ({
  kind: 'endpoint',
  id: id('endpoint', n),
  network: id('network', of.network),
  host: id('host', of.host),
  runtime: 'netns',
  containerId: `c${n}`,
  interface: 'eth0',
  name: 'web',
  aliases: [],
  mac: `02:00:00:00:00:0${of.mac}` as Mac,
  addresses: of.ips.map((ip) => `10.1.0.${ip}` as Ip),
  generation: 1,
});

const HOST_NAMES = ['a', 'b', 'c', 'd'];
const NETWORK_NAMES = ['Front', 'back', 'DB'];
const NETWORKS = [0, 1, 2];

const entriesOf = <K, V>(map: Iterable<readonly [K, V]>): (readonly [K, V])[] =>
  [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));

/** Everything that a snapshot answers, through its look-ups. */
const answersOf = (snapshot: SnapshotView) => ({
  revision: snapshot.revision,
  records: entriesOf(new Map([...snapshot.records()].map((record) => [record.id, record]))),
  hosts: HOST_NAMES.map((name) => snapshot.hostNamed(name.toUpperCase())),
  networks: NETWORK_NAMES.map((name) => snapshot.networkNamed(name.toLowerCase())),
  inNetwork: NETWORKS.map((n) => {
    const { blocks, endpoints, endpointByIp, endpointByMac, endpointCount } = snapshot.inNetwork(
      id('network', n),
    );
    const tables: Iterable<readonly [string, unknown]>[] = [
      blocks,
      endpoints,
      endpointByIp,
      endpointByMac,
      endpointCount,
    ];
    return tables.map(entriesOf);
  }),
});

/** The same answers, looked for one by one among plain records. */
function answersAmong(records: readonly StoredRecord[], revision: number): ReturnType<typeof answersOf> {
  const all = <K extends RecordKind>(kind: K) =>
    records.filter((record): record is Extract<StoredRecord, { kind: K }> => record.kind === kind);
  const named = <T extends { name: string }>(list: T[], name: string) =>
    list.find((record) => record.name.toLowerCase() === name.toLowerCase());
  return {
    revision,
    records: entriesOf(new Map(records.map((record) => [record.id, record]))),
    hosts: HOST_NAMES.map((name) => named(all('host'), name)),
    networks: NETWORK_NAMES.map((name) => named(all('network'), name)),
    inNetwork: NETWORKS.map((n) => {
      const isIn = (record: { network: Id }) => record.network === id('network', n);
      const [blocks, endpoints] = [all('block').filter(isIn), all('endpoint').filter(isIn)];
      const counts = new Map<Id, number>();
      for (const one of endpoints) counts.set(one.host, endpoints.filter((e) => e.host === one.host).length);
      const tables: Iterable<readonly [string, unknown]>[] = [
        new Map(blocks.map((one) => [one.id, one])),
        new Map(endpoints.map((one) => [one.id, one])),
        new Map(endpoints.flatMap((one) => one.addresses.map((ip) => [ip, one.id]))),
        new Map(endpoints.map((one) => [one.mac, one.id])),
        counts,
      ];
      return tables.map(entriesOf);
    }),
  };
}

const shuffle = <T>(items: readonly T[], below: (limit: number) => number): T[] =>
  items
    .map((item) => [below(1 << 30), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);

/**
 * Another set of records in which names, and within a network addresses and MACs, have one holder each, as admission
 * sees to. Holders change at random, so that between two such sets they swap, pass on and take over.
 */
function chooseRecords(below: (limit: number) => number): StoredRecord[] {
  const records: StoredRecord[] = [];
  const spread = <T>(things: readonly T[], holders: readonly number[], make: (n: number, thing: T) => void) =>
    shuffle(holders, below).forEach((n, i) => {
      const thing = things[i];
      if (thing !== undefined && below(4) > 0) make(n, thing);
    });
  const cased = (name: string) => (below(2) === 0 ? name : name.toUpperCase());
  spread(HOST_NAMES, [1, 2, 3, 4, 5], (n, name) => records.push(host(n, cased(name))));
  spread(NETWORK_NAMES, [0, 1, 2, 3], (n, name) => records.push(network(n, cased(name))));
  for (let n = 0; n < 4; n++) if (below(3) > 0) records.push(block(n, { network: below(3), host: below(3) }));
  const endpoints = shuffle([0, 1, 2, 3, 4, 5, 6, 7, 8], below);
  for (const inNetwork of NETWORKS) {
    const [macs, ips] = [shuffle([1, 2, 3, 4, 5], below), shuffle([1, 2, 3, 4, 5, 6, 7], below)];
    for (const n of endpoints.splice(0, below(5)))
      records.push(
        endpoint(n, {
          network: inNetwork,
          host: below(3),
          mac: macs.pop()!,
          ips: ips.splice(0, below(3)),
        }),
      );
  }
  return records;
}

/** What leads from one set to another, each record touched once, in any order, with some that change nothing. */
function changesBetween(
  from: readonly StoredRecord[],
  to: readonly StoredRecord[],
  below: (limit: number) => number,
): Change[] {
  const kept = new Set(to.map((record) => record.id));
  const changes = [
    ...to.map(put),
    ...from.filter((record) => !kept.has(record.id)).map(remove),
    remove({ kind: 'host', id: id('host', 9) }),
  ];
  return shuffle(changes, below);
}

describe('a snapshot', () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'answers as a search among the records would, after any changes (seed %i)',
    (seed) => {
      const { below } = seededDice(seed);
      const snapshot = new Snapshot();
      let records: StoredRecord[] = [];
      for (let revision = 1; revision <= 30; revision++) {
        const next = below(10) === 0 ? [] : chooseRecords(below);
        snapshot.apply(changesBetween(records, next, below), revision);
        records = next;
        const expected = answersAmong(records, revision);
        expect(answersOf(snapshot)).toEqual(expected);
        expect(answersOf(new Snapshot(shuffle(records, below), revision)), 'built anew').toEqual(expected);
      }
      snapshot.clear();
      expect(answersOf(snapshot)).toEqual(answersAmong([], 0));
    },
  );

  test('applies changes in their order: of one record the last counts', () => {
    const snapshot = new Snapshot([host(1, 'a')], 7);
    snapshot.apply([put(host(1, 'b')), remove(host(1, 'b')), put(host(1, 'c')), remove(host(2, 'x'))], 8);
    expect([...snapshot.records()]).toEqual([host(1, 'c')]);
    expect(['a', 'b', 'c'].map((name) => snapshot.hostNamed(name)?.id)).toEqual([
      undefined,
      undefined,
      id('host', 1),
    ]);
    expect(snapshot.revision).toBe(8);
  });

  test('leaves a name, an address and a MAC with the new holder when the old one goes after', () => {
    const of = { network: 0, host: 1, mac: 1, ips: [1, 2] };
    const snapshot = new Snapshot([host(1, 'a'), endpoint(1, of)]);
    snapshot.apply(
      [put(host(2, 'a')), remove(host(1, 'a')), put(endpoint(2, of)), remove(endpoint(1, of))],
      1,
    );
    expect(snapshot.hostNamed('a')).toEqual(host(2, 'a'));
    const { endpointByIp, endpointByMac, endpointCount } = snapshot.inNetwork(id('network', 0));
    expect(new Set([...endpointByIp.values(), ...endpointByMac.values()])).toEqual(
      new Set([id('endpoint', 2)]),
    );
    expect(endpointCount.get(id('host', 1))).toBe(1);
  });

  test('gives each record by kind and id, and an empty answer for a network that it does not know', () => {
    const snapshot = new Snapshot([network(1, 'Front'), block(1, { network: 1, host: 1 })]);
    expect(snapshot.get({ kind: 'network', id: id('network', 1) })).toEqual(network(1, 'Front'));
    expect(snapshot.get({ kind: 'host', id: id('network', 1) })).toBeUndefined();
    expect(snapshot.get({ kind: 'block', id: id('block', 2) })).toBeUndefined();
    expect(snapshot.inNetwork(id('network', 2)).endpoints.size).toBe(0);
  });

  test('keeps nothing of a network whose last record went', () => {
    const [one, other] = [
      block(1, { network: 1, host: 1 }),
      endpoint(1, { network: 1, host: 1, mac: 1, ips: [1] }),
    ];
    const snapshot = new Snapshot([one, other]);
    const unknown = snapshot.inNetwork(id('network', 2));
    snapshot.apply([remove(one), remove(other)], 1);
    expect(snapshot.inNetwork(id('network', 1))).toBe(unknown);
  });

  test('does not go back', () => {
    const snapshot = new Snapshot([], 5);
    expect(() => snapshot.apply([put(host(1, 'a'))], 4)).toThrow('revision 4 after 5');
    expect([...snapshot.records()]).toEqual([]);
    snapshot.apply([], 5);
    expect(snapshot.revision).toBe(5);
  });
});
