import { describe, expect, it } from 'vitest';
import { type Cidr, cidrContains } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Block, Endpoint } from '#model/records.ts';
import { admit } from './admit.ts';
import { blockUses } from './block-use.ts';
import { heldByOthers } from './exceptions.ts';
import { attachEndpoint, POOLS, sentences, World } from './test-world.ts';

/** A /28 of four blocks: h1 owns the first, h2 the second. */
function world() {
  const it = new World();
  it.host('h1');
  it.host('h2');
  const network = it.network('red', { subnets: ['10.1.0.0/28'] });
  const first = it.endpoint('red', 'h1', 'a');
  const second = it.endpoint('red', 'h2', 'a');
  const block = (cidr: string): Block | undefined =>
    [...it.snapshot.blocks.values()].find((each) => each.cidr === cidr);
  const attach = (host: string, container: string, ...addresses: string[]) =>
    it.endpoint('red', host, container, { addresses }).addresses[0];
  const detach = ({ id, generation }: Endpoint) =>
    it.do({ wish: 'detach-endpoint', endpoint: id, generation });
  return { it, network, first, second, block, attach, detach };
}

describe('a host whose own blocks have nothing to give', () => {
  const blocksOf = (it: World) => [...it.snapshot.blocks.values()].map(({ cidr }) => cidr);
  const fill = (it: World, count: number) => {
    for (let i = 0; i < count; i++) it.endpoint('red', 'h1', `c${i}`);
  };

  it('gets as many again as it has, so that it asks seldom', () => {
    const it = new World();
    it.host('h1');
    it.network('red', { subnets: ['10.1.0.0/16'] });
    fill(it, 14);
    expect(blocksOf(it)).toHaveLength(1);
    fill(it, 14 + 16 + 1);
    expect(blocksOf(it)).toHaveLength(4);
  });

  it('gets one by one where blocks are few', () => {
    const it = new World();
    it.host('h1');
    it.network('red', { subnets: ['10.1.0.0/28'] });
    fill(it, 7);
    expect(blocksOf(it)).toEqual(['10.1.0.0/30', '10.1.0.4/30', '10.1.0.8/30']);
  });

  it('may have them before, where the subnet has plenty and it has some already', () => {
    const it = new World();
    const [h1, h2] = [it.host('h1'), it.host('h2')];
    const network = it.network('red', { subnets: ['10.1.0.0/16', 'fd00:1::/124'] });
    const acquire = (host: string, owned: number, ...subnets: string[]) =>
      it.do({ wish: 'acquire-blocks', network: network.id, host, subnets, owned });
    it.endpoint('red', 'h1', 'a');
    expect(blocksOf(it)).toEqual(['10.1.0.0/28', 'fd00:1::/126']);
    acquire('h1', 2, '10.1.0.0/16', '10.3.0.0/16', 'x');
    expect(blocksOf(it).slice(2)).toEqual(['10.1.0.16/28']);
    expect(acquire('h1', 2, '10.1.0.0/16').changes).toEqual([]);
    acquire('h1', 3, '10.1.0.0/16');
    expect(blocksOf(it).slice(3)).toEqual(['10.1.0.32/28', '10.1.0.48/28']);
    expect(acquire('h2', 0, '10.1.0.0/16').changes).toEqual([]);
    // Its single block is a quarter of that subnet's.
    expect(acquire('h1', 5, 'fd00:1::/124').changes).toEqual([]);
    it.do({ wish: 'evict-host', host: h1.id });
    expect(acquire('h1', 5, '10.1.0.0/16').changes).toEqual([]);
    const absent = {
      wish: 'acquire-blocks',
      network: 'x' as Id,
      host: h2.id,
      subnets: [],
      owned: 0,
    } as const;
    expect(sentences(it.try(absent))).toEqual([
      'absent',
      expect.stringContaining('there is no such network'),
    ]);
  });

  it('gets a new block while what is free in its own rests, and rather what rests than nothing', () => {
    const it = new World();
    it.host('h1');
    it.network('red', { subnets: ['10.1.0.0/28'] });
    const ask = (container: string) =>
      it.endpoint('red', 'h1', container, { newBlockIn: ['10.1.0.0/28'] }).addresses[0];
    expect(['a', 'b', 'c', 'd'].map(ask)).toEqual(['10.1.0.2', '10.1.0.4', '10.1.0.8', '10.1.0.12']);
    expect(ask('e')).toBe('10.1.0.3');
  });
});

describe('an address taken out of a block', () => {
  it('is not given by its owner, and goes back with the endpoint', () => {
    const { it, block, attach, detach } = world();
    const guest = it.endpoint('red', 'h2', 'guest', { addresses: ['10.1.0.3'] });
    expect(block('10.1.0.0/30')).toMatchObject({ except: ['10.1.0.3'] });
    expect(attach('h1', 'b')).toBe('10.1.0.8');
    detach(guest);
    expect(block('10.1.0.0/30')).toMatchObject({ except: [] });
    expect(attach('h1', 'c')).toBe('10.1.0.3');
  });

  it('goes back when its holder is evicted', () => {
    const { it, block, attach } = world();
    attach('h2', 'guest', '10.1.0.3');
    it.do({ wish: 'evict-host', host: 'h2' });
    expect(block('10.1.0.0/30')).toMatchObject({ except: [], retired: 0 });
  });

  it('was never in a block made around it', () => {
    const { block, attach } = world();
    attach('h2', 'guest', '10.1.0.9');
    attach('h1', 'b');
    expect(attach('h1', 'c')).toBe('10.1.0.8');
    expect(block('10.1.0.8/30')).toMatchObject({ except: ['10.1.0.9'] });
  });

  it.each(['fd00:1::/112', 'fd00:1::1:0/112', 'fd00:1::5:10/124', '10.1.0.4/30'])(
    'is found in %s',
    (range) => {
      const it = new World();
      const [h1, h2] = [it.host('h1'), it.host('h2')];
      const network = it.network('red', { subnets: ['10.1.0.0/24', 'fd00:1::/64'] });
      const addresses = [
        ...[
          'fd00:1::',
          'fd00:1::5',
          'fd00:1::ffff',
          'fd00:1::1:0',
          'fd00:1::1:1',
          'fd00:1::5:10',
          'fd00:1::5:1f',
        ],
        ...['fd00:1::5:20', 'fd00:1:0:0:5::', '10.1.0.4', '10.1.0.7', '10.1.0.8'],
      ];
      const template = it.endpoint('red', 'h1', 'a');
      it.put(
        ...addresses.map((ip, i) => ({
          ...template,
          id: otherId(template.id, i),
          host: h2.id,
          addresses: [ip as Ip],
        })),
      );
      const records = it.snapshot.inNetwork(network.id);
      const expected: Readonly<Record<string, string[]>> = {
        'fd00:1::/112': ['fd00:1::', 'fd00:1::5', 'fd00:1::ffff'],
        'fd00:1::1:0/112': ['fd00:1::1:0', 'fd00:1::1:1'],
        'fd00:1::5:10/124': ['fd00:1::5:10', 'fd00:1::5:1f'],
        '10.1.0.4/30': ['10.1.0.4', '10.1.0.7'],
      };
      expect(heldByOthers(range as Cidr, h1, records)).toEqual(expected[range]);
    },
  );
});

describe('a block that was given up', () => {
  it('rests: nobody gets an address of it until it is free', () => {
    const { it, network, block, attach, second } = world();
    it.do({ wish: 'detach-endpoint', endpoint: second.id, generation: 1 });
    it.do({ wish: 'return-blocks', network: network.id, host: 'h2' });
    expect(block('10.1.0.4/30')!.retired).toBe(it.snapshot.revision);
    expect(sentences(it.try(attachEndpoint('red', 'h1', 'x', { addresses: ['10.1.0.5'] })))).toEqual([
      'conflict',
      'ip "10.1.0.5": is in a block whose host gave it up; it rests until all hosts of the network have taken note; ' +
        'wait (see `weft ipam ls`), or choose another one',
    ]);
    const given = ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((each) => attach('h1', each));
    expect(given.sort()).toEqual([
      '10.1.0.10',
      '10.1.0.11',
      '10.1.0.12',
      '10.1.0.13',
      '10.1.0.14',
      '10.1.0.3',
      '10.1.0.8',
      '10.1.0.9',
    ]);
    expect(sentences(it.try(attachEndpoint('red', 'h1', 'x')))).toEqual([
      'exhausted',
      'subnet "10.1.0.0/28": has nothing to give now: its 4 free addresses rest, or are in blocks of hosts that ' +
        'are away; see `weft ipam ls red`, and try again',
    ]);
    it.do({ wish: 'free-block', block: block('10.1.0.4/30')!.id });
    expect(attach('h1', 'x')).toBe('10.1.0.4');
  });

  it('stays while the host has an endpoint in the network (again)', () => {
    const { it, network } = world();
    expect(it.do({ wish: 'return-blocks', network: network.id, host: 'h2' }).changes).toEqual([]);
  });

  it('was given up once, or with its network', () => {
    const { it, network, detach, second } = world();
    detach(second);
    const wish = { wish: 'return-blocks', network: network.id, host: 'h2' } as const;
    expect(it.do(wish).changes).toHaveLength(1);
    expect(it.do(wish).changes).toEqual([]);
    expect(it.do({ ...wish, network: '01ARYZ6S410000000000000000' as Id }).changes).toEqual([]);
  });

  it('is not what its host gives from, nor publishes into', () => {
    const { it, network, detach, second, attach } = world();
    detach(second);
    it.do({ wish: 'return-blocks', network: network.id, host: 'h2' });
    expect(attach('h2', 'b')).toBe('10.1.0.8');
    expect(sentences(it.try({ wish: 'publish-endpoint', endpoint: second }))[0]).toBe('conflict');
  });

  it('outlives its host', () => {
    const { it, block, detach, first } = world();
    detach(first);
    it.do({ wish: 'remove-host', host: 'h1' });
    expect(block('10.1.0.0/30')!.retired).toBe(it.snapshot.revision);
  });

  it('by an eviction leaves the others as they are', () => {
    const { it, block } = world();
    const { changes, subject } = it.do({ wish: 'evict-host', host: 'h2' });
    expect(subject).toMatchObject({ name: 'h2', epoch: 2 });
    expect(changes).toHaveLength(3);
    expect(block('10.1.0.4/30')!.retired).toBe(it.snapshot.revision);
    expect(block('10.1.0.0/30')!.retired).toBe(0);
    expect([...it.snapshot.endpoints.values()].map(({ host }) => host)).not.toContain(subject!.id);
  });
});

it('an address is not chosen when only a host that is away could make room for it', () => {
  const it = new World();
  for (const name of ['h1', 'h2', 'h3', 'h4', 'h5']) it.host(name);
  const network = it.network('red', { subnets: ['10.1.0.0/28'] });
  for (const host of ['h1', 'h2', 'h3', 'h4']) it.endpoint('red', host, 'a');
  const [, , , block] = [...it.snapshot.blocks.values()];
  const isBarred = (of: Id, ip: Ip) => of === network.id && cidrContains(block!.cidr, ip);
  const options = { pools: POOLS, isBarred };
  const chance = { now: 1, entropy: (count: number) => new Uint8Array(count) };
  const answer = admit(attachEndpoint('red', 'h5', 'a'), it.snapshot, chance, options);
  expect(block!.cidr).toBe('10.1.0.12/30');
  expect(answer).toMatchObject({ subject: { addresses: ['10.1.0.11'] } });
});

it('tells how much of a block is used, and who has what was taken out of it', () => {
  const { it, network, attach } = world();
  const guest = it.endpoint('red', 'h2', 'guest', { addresses: ['10.1.0.3'] });
  attach('h2', 'b');
  const [first, second] = blockUses(network, it.snapshot);
  // The network address and the gateway are in the first one.
  expect(first).toMatchObject({
    size: 2n,
    used: 2,
    exceptions: [{ ip: '10.1.0.3', holder: { id: guest.id } }],
  });
  expect(second).toMatchObject({ block: { cidr: '10.1.0.4/30' }, size: 4n, used: 2, exceptions: [] });
});

const otherId = (id: Id, number: number): Id => (id.slice(0, -2) + String(number).padStart(2, '0')) as Id;
