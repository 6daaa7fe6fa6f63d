import { describe, expect, it } from 'vitest';
import type { Cidr } from '#model/cidr.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import type { Block, Endpoint } from '#model/records.ts';
import { auditAddresses } from './audit-addresses.ts';
import { World } from './test-world.ts';

const NOBODY = '01ARYZ6S410000000000000000' as Id;
let lastId = 0;
const newId = () => `01ARYZ6S41${String(++lastId).padStart(16, '0')}` as Id;

/** h1 and h2, each with a block and an endpoint in red. Sound. */
function world() {
  const it = new World();
  const [h1, h2] = [it.host('h1'), it.host('h2')];
  const network = it.network('red', { subnets: ['10.1.0.0/24'] });
  const [a, b] = [it.endpoint('red', 'h1', 'a'), it.endpoint('red', 'h2', 'b')];
  const [block1, block2] = [...it.snapshot.blocks.values()] as [Block, Block];
  const found = () => auditAddresses(it.snapshot);
  const codes = () => found().map(({ code }) => code);
  const repair = () => it.do({ wish: 'repair-addresses' });
  return { it, h1, h2, network, a, b, block1, block2, found, codes, repair };
}

it('finds nothing wrong with sound records, and repairs nothing', () => {
  const { codes, repair } = world();
  expect(codes()).toEqual([]);
  expect(repair().changes).toEqual([]);
});

describe('what a repair puts right', () => {
  type Worlds = ReturnType<typeof world>;
  const copy = (endpoint: Endpoint, more: Partial<Endpoint>): Endpoint => ({
    ...endpoint,
    id: newId(),
    mac: `02:00:00:00:01:${String(lastId).padStart(2, '0')}` as Mac,
    addresses: ['10.1.0.6' as Ip],
    ...more,
  });

  it.each<[string, (worlds: Worlds) => void, string[], RegExp]>([
    [
      'an endpoint of an unknown host',
      ({ it, a }) => it.put(copy(a, { host: NOBODY })),
      ['lost-endpoint'],
      /Endpoint a \(\S+\) belongs to host 01ARYZ6S410000000000000000, which is not there/,
    ],
    [
      'an endpoint of an unknown network',
      ({ it, a }) => it.put(copy(a, { network: NOBODY })),
      ['lost-endpoint'],
      /belongs to network/,
    ],
    [
      'a block of an unknown host',
      ({ it, block1 }) => it.put({ ...block1, id: newId(), cidr: '10.1.0.16/29' as Cidr, host: NOBODY }),
      ['lost-block'],
      /Block 10\.1\.0\.16\/29 belongs to host/,
    ],
    [
      'a block of an unknown network, even at rest',
      ({ it, block1 }) => it.put({ ...block1, id: newId(), network: NOBODY, retired: 1 }),
      ['lost-block'],
      /belongs to network/,
    ],
    [
      'a block outside its subnet',
      ({ it, block1 }) => it.put({ ...block1, id: newId(), cidr: '10.2.0.0/29' as Cidr }),
      ['stray-block'],
      /Block 10\.2\.0\.0\/29 of host h1 is in no subnet of network red/,
    ],
    [
      'a block larger than its subnet',
      ({ it, block1 }) => it.put({ ...block1, cidr: '10.1.0.0/16' as Cidr, except: ['10.1.0.8' as Ip] }),
      ['stray-block', 'blocks-overlap'],
      /Block 10\.1\.0\.0\/16/,
    ],
    [
      'a block of an old epoch that does not rest',
      ({ it, h1 }) => it.put({ ...h1, epoch: 2 }),
      ['old-block'],
      /Block 10\.1\.0\.0\/29 in network red is of epoch 1 of host h1, which is in epoch 2/,
    ],
    [
      'an exception that nobody holds',
      ({ it, block1 }) => it.put({ ...block1, except: ['10.1.0.5' as Ip, '10.1.0.6' as Ip] }),
      ['unheld-exception'],
      /Block 10\.1\.0\.0\/29 of host h1 in network red does without 10\.1\.0\.5 and 10\.1\.0\.6/,
    ],
    [
      "an address in another host's block",
      ({ it, b }) => it.put({ ...b, addresses: ['10.1.0.6' as Ip] }),
      ['address-in-foreign-block'],
      /10\.1\.0\.6 of other hosts' endpoints can be given by host h1, whose block 10\.1\.0\.0\/29 is/,
    ],
    [
      'an exception that only a lost endpoint held, which comes to light by the repair',
      ({ it, a, block1 }) => it.put({ ...block1, except: ['10.1.0.6' as Ip] }, copy(a, { host: NOBODY })),
      ['lost-endpoint'],
      /Endpoint a/,
    ],
  ])('%s', (_, break_, codes, sentence) => {
    const worlds = world();
    break_(worlds);
    expect(worlds.codes()).toEqual(codes);
    const [finding] = worlds.found();
    expect(finding).toMatchObject({ sentence: expect.stringMatching(sentence), next: '' });
    expect(finding!.repair).not.toBe('');
    worlds.repair();
    expect(worlds.found()).toEqual([]);
    expect(worlds.repair().changes).toEqual([]);
  });
});

describe('what takes a decision', () => {
  it('two endpoints with one address: told, with the command for each; never resolved by guessing', () => {
    const { it, a, b, found, repair } = world();
    it.put({ ...b, addresses: a.addresses });
    const finding = found().find(({ code }) => code === 'address-twice')!;
    expect(finding).toMatchObject({
      sentence: 'In network red, address 10.1.0.2 is had by endpoint a on host h1 and endpoint b on host h2.',
      repair: '',
      changes: [],
    });
    for (const [{ id }, host] of [
      [a, 'h1'],
      [b, 'h2'],
    ] as const)
      expect(finding.next).toContain(`\`weft endpoint detach ${id}\` on host ${host}`);
    repair();
    expect(it.snapshot.endpoints.size).toBe(2);
    expect(found().map(({ code }) => code)).toEqual(['address-twice']);
  });

  it('two endpoints with one MAC', () => {
    const { it, a, b, codes } = world();
    it.put({ ...b, mac: a.mac });
    expect(codes()).toEqual(['mac-twice']);
    it.put({ ...b });
    expect(codes()).toEqual([]);
  });

  it('the same MAC or address in two networks is nobody else’s matter', () => {
    const { it, a, codes } = world();
    it.network('blue', { subnets: ['10.1.0.0/24'] });
    it.endpoint('blue', 'h1', 'x', { mac: a.mac, addresses: [...a.addresses] });
    expect(codes()).toEqual([]);
  });

  it.each([
    ['10.9.0.1', "is outside the network's subnet 10.1.0.0/24"],
    ['10.1.0.0', 'is the network address'],
    ['10.1.0.255', 'is the broadcast address'],
    ['10.1.0.1', "is the network's gateway"],
    ['fd00::1', 'is of a family that the network has no subnet of'],
  ])('the address %s', (ip, wrong) => {
    const { it, b, found } = world();
    it.put({ ...b, addresses: [ip as Ip] });
    const finding = found().find(({ code }) => code === 'address-unusable');
    expect(finding).toMatchObject({
      sentence: `Address ${ip} of endpoint b on host h2 in network red ${wrong}.`,
      next: expect.stringContaining(`weft endpoint detach ${b.id}`),
      repair: '',
    });
  });

  it('overlapping blocks', () => {
    const { it, block2, found } = world();
    it.put({ ...block2, id: newId(), cidr: '10.1.0.0/30' as Cidr, except: ['10.1.0.2' as Ip] });
    expect(found()).toMatchObject([
      {
        code: 'blocks-overlap',
        sentence: expect.stringContaining('10.1.0.0/29 of host h1 and 10.1.0.0/30 of host h2 overlap'),
        next: expect.stringContaining('`weft host evict h1` or `weft host evict h2`'),
        repair: '',
      },
    ]);
  });

  it('a container that its host says is gone', () => {
    const { it, h2 } = world();
    const notice = {
      code: 'namespace-gone',
      title: 'T',
      sentence: 'The namespace b is gone.',
      next: 'detach it.',
    };
    const other = { ...notice, code: 'controller-away' };
    const status = { host: h2.id, notices: [notice, other] } as Partial<HostStatus> as HostStatus;
    expect(auditAddresses(it.snapshot, [status])).toMatchObject([
      {
        code: 'container-gone',
        sentence: 'Host h2 says: The namespace b is gone.',
        next: 'on that host: detach it.',
      },
    ]);
  });
});

it('costs no more than a look at each record', () => {
  const { it, a, block1 } = world();
  const count = 20_000;
  const hex = (byte: number) => byte.toString(16).padStart(2, '0');
  for (let i = 0; i < count; i++) {
    const [x, y] = [Math.floor(i / 250), i % 250];
    it.put({
      ...a,
      id: newId(),
      addresses: [`10.7.${x}.${y}` as Ip],
      mac: `02:00:00:00:${hex(x)}:${hex(y)}` as Mac,
    });
    if (y === 0) it.put({ ...block1, id: newId(), cidr: `10.7.${x}.0/24` as Cidr });
  }
  const before = process.cpuUsage();
  expect(auditAddresses(it.snapshot)).toHaveLength(count + count / 250);
  // Not by the clock: others run on this machine. Each record with each would take minutes.
  expect(process.cpuUsage(before).user).toBeLessThan(10e6);
});
