import pino from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { rejectionToError } from '#api/rejection.ts';
import type { Underlay } from '#kernel/underlay.ts';
import type { Cidr } from '#model/cidr.ts';
import { fault, type Rejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import { HostTeller } from './tell-host.ts';
import type { HostWords } from './uplink.ts';

let nowMs: number;
let readingMs: number;
let routes: Cidr[];
let words: HostWords;
let told: HostWords[];
let reads: number;
let teller: HostTeller;
let found: Rejection | undefined;
let ailment: Underlay['ailment'];
let noticed: Notice[][];
let taken: Set<Ip>;
let known: Ip[] | undefined;
const wordsNow = (): HostWords => ({ ...words, facts: { ...words.facts, routes } });

beforeEach(() => {
  [nowMs, readingMs, reads] = [0, 0, 0];
  routes = ['10.99.0.0/24'] as Cidr[];
  told = [];
  ailment = undefined;
  [found, noticed, taken, known] = [undefined, [], new Set(), ['10.99.0.1' as Ip]];
  words = {
    name: 'h1',
    underlay: ['10.99.0.1' as Ip],
    labels: {},
    facts: { underlayMtu: 1500, takenPorts: [], routes, underlayInterfaces: ['eth0'] },
  };
  const tell = async (_: Id, each: HostWords) => {
    const faults = each.underlay
      .filter((ip) => taken.has(ip))
      .map((ip) => fault('underlay', ip, 'is taken', '…'));
    if (faults.length > 0) throw rejectionToError(reject('conflict', ...faults));
    told.push(each);
    known &&= [...each.underlay];
  };
  teller = new HostTeller({
    host: 'h' as Id,
    uplink: { correct: tell, register: tell },
    known: () => known,
    hostWords: async () => wordsNow(),
    underlay: async () =>
      found ?? { addresses: words.underlay, mtu: words.facts.underlayMtu, interface: 'eth0', ailment },
    routes: () => {
      reads++;
      nowMs += readingMs;
      return routes;
    },
    nowMs: () => nowMs,
    notice: (notices) => void noticed.push([...notices]),
    log: pino({ level: 'silent' }),
  });
  teller.told(words);
});

const lookAfter = (ms: number): Promise<void> => {
  nowMs += ms;
  return teller.look();
};

test('a new route is told within ten seconds, and once', async () => {
  routes = ['10.99.0.0/24', '172.17.0.0/16'] as Cidr[];
  await lookAfter(2_000);
  expect(told).toEqual([]);
  await lookAfter(8_000);
  expect(told.map(({ facts }) => facts.routes)).toEqual([routes]);
  await lookAfter(10_000);
  expect(told).toHaveLength(1);
});

test('neither another order nor a container’s single address is news', async () => {
  routes = ['172.17.0.0/16', '10.99.0.0/24'] as Cidr[];
  teller.told(wordsNow());
  routes = ['10.99.0.0/24', '10.244.0.7/32', '172.17.0.0/16', 'fd00::7/128'] as Cidr[];
  await lookAfter(10_000);
  expect(told).toEqual([]);
});

test('an underlay that is another is told at once', async () => {
  words = { ...words, underlay: ['10.99.0.7' as Ip] };
  await lookAfter(2_000);
  expect(told.map(({ underlay }) => underlay)).toEqual([['10.99.0.7']]);
});

test('of very many routes, reading takes no more than a share of the time', async () => {
  readingMs = 1_000;
  for (let s = 0; s < 1_000; s += 2) await lookAfter(2_000);
  expect(reads).toBeLessThan(7);
});

test('an interface that no frame passes by is noticed as long as it is so, with a session or without', async () => {
  const codes = () => noticed.map((notices) => notices.map(({ code }) => code));
  ailment = { problem: 'is down', fix: 'ip link set eth0 up' };
  await lookAfter(2_000);
  expect(noticed).toMatchObject([
    [{ sentence: expect.stringMatching(/^eth0, .* is down:/), next: 'ip link set eth0 up.' }],
  ]);
  words = { ...words, underlay: ['10.99.0.7' as Ip] };
  await teller.look(false);
  expect(codes()).toEqual([['underlay-down']]);
  ailment = undefined;
  await teller.look(false);
  expect(codes()).toEqual([['underlay-down'], []]);
  expect(told).toEqual([]);
});

test('an underlay that is not found is noticed once, with what to do, until it is found', async () => {
  found = reject(
    'invalid',
    fault('underlay', 'eth0', 'is no interface of this host', 'give --underlay eth1'),
  );
  await lookAfter(2_000);
  await lookAfter(2_000);
  expect(noticed).toMatchObject([
    [{ code: 'underlay-untold', next: expect.stringContaining('give --underlay eth1') }],
  ]);
  found = undefined;
  await lookAfter(2_000);
  expect([noticed.length, noticed.at(-1), told]).toEqual([2, [], []]);
});

describe('an address that another host is known by', () => {
  const [other, own] = ['10.99.0.2', 'fd99::1'] as Ip[];
  const said = () => told.map(({ underlay, facts }) => [underlay, facts.underlayInterfaces]);
  beforeEach(() => {
    taken = new Set([other!]);
    const facts = { ...words.facts, underlayInterfaces: ['eth0', 'eth0'] };
    words = { ...words, underlay: [other!, own!], facts };
  });

  test('is asked for until it is free; meanwhile what this host has no more is let go', async () => {
    await lookAfter(2_000);
    await lookAfter(2_000);
    expect(said()).toEqual([[[own], ['eth0']]]);
    expect(noticed).toMatchObject([[{ code: 'underlay-untold' }]]);
    taken.clear();
    await lookAfter(2_000);
    expect(said().at(-1)).toEqual([
      [other, own],
      ['eth0', 'eth0'],
    ]);
    expect(noticed.at(-1)).toEqual([]);
  });

  test('keeps a host that is known from no session', async () => {
    await teller.register();
    expect(said()).toEqual([[[own], ['eth0']]]);
    expect(noticed).toMatchObject([[{ code: 'underlay-untold' }]]);
  });

  test('keeps a host away that nobody knows', async () => {
    known = undefined;
    await expect(teller.register()).rejects.toThrow('is taken');
    expect(told).toEqual([]);
  });
});

describe('another agent that speaks as this host, whose state was copied', () => {
  const codes = () => noticed.at(-1)?.map(({ code }) => code) ?? [];

  test('is noticed on both, and this host says where it is, now and then, until the other is gone', async () => {
    await lookAfter(60_000);
    expect([told.length, codes()]).toEqual([0, []]);
    known = ['10.99.0.4' as Ip];
    await lookAfter(2_000);
    expect(told.map(({ underlay }) => underlay)).toEqual([words.underlay]);
    const sentence = expect.stringContaining('is at 10.99.0.4, not at 10.99.0.1:');
    expect(noticed.at(-1)).toMatchObject([{ code: 'host-doubled', sentence }]);
    // It says so in its turn.
    for (let s = 0; s < 62; s += 2) {
      known = ['10.99.0.4' as Ip];
      await lookAfter(2_000);
    }
    expect([told.length, codes()]).toEqual([3, ['host-doubled']]);
    known = words.underlay as Ip[];
    for (let s = 0; s < 62; s += 2) await lookAfter(2_000);
    expect([told.length, codes()]).toEqual([3, []]);
  });

  test('is none where others have only not heard yet what was told', async () => {
    words = { ...words, underlay: ['10.99.0.7' as Ip] };
    await lookAfter(60_000);
    known = ['10.99.0.1' as Ip];
    await lookAfter(2_000);
    expect([told.length, codes()]).toEqual([1, []]);
  });
});
