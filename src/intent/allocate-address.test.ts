import { describe, expect, it } from 'vitest';
import { addressesIn, type Cidr, cidrContains, prefixLengthOf } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import type { Block } from '#model/records.ts';
import { seededRandom } from '#model/test-random.ts';
import { blockPrefixLength } from './allocate-block.ts';
import { attachEndpoint, sentences, World } from './test-world.ts';
import { usableCount } from './usable-addresses.ts';

it.each([
  ['10.0.0.0/8', 28],
  ['10.0.0.0/16', 28],
  ['10.0.0.0/20', 28],
  ['10.0.0.0/21', 29],
  ['10.0.0.0/22', 29],
  ['10.0.0.0/24', 29],
  ['10.0.0.0/25', 29],
  ['10.0.0.0/26', 30],
  ['10.0.0.0/27', 30],
  ['10.0.0.0/28', 30],
  ['10.0.0.0/29', undefined],
  ['10.0.0.0/30', undefined],
  ['fd00::/48', 112],
  ['fd00::/64', 112],
  ['fd00::/100', 112],
  ['fd00::/104', 114],
  ['fd00::/112', 119],
  ['fd00::/120', 124],
  ['fd00::/122', 126],
  ['fd00::/124', 126],
  ['fd00::/125', undefined],
  ['fd00::/126', undefined],
])('blocks of %s are /%s', (subnet, length) => {
  expect(blockPrefixLength(subnet as Cidr)).toBe(length);
});

it.each([4, 6])(
  'blocks never grow with a smaller subnet, and there are always four or more (IPv%s)',
  (family) => {
    let before = 0;
    for (let length = family === 4 ? 8 : 32; length <= (family === 4 ? 28 : 124); length++) {
      const block = blockPrefixLength(`${family === 4 ? '10.0.0.0' : 'fd00::'}/${length}` as Cidr)!;
      expect(block).toBeGreaterThanOrEqual(Math.max(before, length + 2));
      before = block;
    }
  },
);

/** One network of that subnet, hosts h0, h1, …; `attach` gives the address or what refused it. */
function worldOf(subnet: string, hosts: number, gateways: string[] = []) {
  const it = new World();
  for (let i = 0; i < hosts; i++) it.host(`h${i}`);
  const network = it.network('n', { subnets: [subnet], gateways });
  let count = 0;
  const attach = (host: number, ...addresses: string[]): string => {
    const answer = it.try(attachEndpoint('n', `h${host}`, `c${count++}`, { addresses }));
    return 'subject' in answer && answer.subject?.kind === 'endpoint'
      ? answer.subject.addresses[0]!
      : sentences(answer).join(' ');
  };
  const blocks = () => [...it.snapshot.blocks.values()].map((block: Block) => block.cidr);
  return { it, network, attach, blocks };
}

describe('an address comes from', () => {
  it('the own block, lowest first, then a new one', () => {
    const { attach, blocks } = worldOf('10.1.0.0/26', 2);
    expect([attach(0), attach(1), attach(0), attach(0)]).toEqual([
      '10.1.0.2',
      '10.1.0.4',
      '10.1.0.3',
      '10.1.0.8',
    ]);
    expect(blocks()).toEqual(['10.1.0.0/30', '10.1.0.4/30', '10.1.0.8/30']);
  });

  it('the lowest own block that has one free, whichever was first owned', () => {
    const { it, attach } = worldOf('10.1.0.0/26', 1);
    const network = it.snapshot.networkNamed('n')!.id;
    const block = {
      kind: 'block',
      network,
      host: it.snapshot.hostNamed('h0')!.id,
      epoch: 1,
      except: [],
      retired: 0,
    } as const;
    it.put({ ...block, id: 'late' as never, cidr: '10.1.0.32/30' as Cidr });
    it.put({ ...block, id: 'early' as never, cidr: '10.1.0.8/30' as Cidr });
    expect([0, 1, 2, 3, 4].map(() => attach(0))).toEqual([
      '10.1.0.8',
      '10.1.0.9',
      '10.1.0.10',
      '10.1.0.11',
      '10.1.0.32',
    ]);
  });

  it('the lowest that is free by then, whatever comes and goes in between', () => {
    const { it, network, attach, blocks } = worldOf('10.1.0.0/26', 1);
    const random = seededRandom(7);
    const endpoints = () => [...it.snapshot.inNetwork(network.id).endpoints.values()];
    for (let step = 0; step < 300; step++) {
      const taken = new Set(endpoints().flatMap(({ addresses }) => addresses));
      const own = blocks().flatMap((cidr) => [...addressesIn(cidr)]);
      const free = own.slice(2).find((ip) => !taken.has(ip));
      const ip = attach(0);
      if (free) expect(ip).toBe(free);
      for (const { id, generation } of endpoints())
        if (random() < 0.08) it.do({ wish: 'detach-endpoint', endpoint: id, generation });
    }
    expect(blocks().length).toBeGreaterThan(2);
  });

  it('above the last one, where many lie below, until many have gone', () => {
    const { it, network, attach } = worldOf('10.1.0.0/20', 1);
    for (let i = 0; i < 100; i++) attach(0);
    const goes = (ip: string) => {
      const { endpoints, endpointByIp } = it.snapshot.inNetwork(network.id);
      const { id, generation } = endpoints.get(endpointByIp.get(ip as Ip)!)!;
      it.do({ wish: 'detach-endpoint', endpoint: id, generation });
    };
    for (let i = 2; i <= 64; i++) goes(`10.1.0.${i}`);
    expect([attach(0), attach(0)]).toEqual(['10.1.0.102', '10.1.0.103']);
    goes('10.1.0.65');
    expect([attach(0), attach(0)]).toEqual(['10.1.0.2', '10.1.0.3']);
  });

  it('past fixed addresses, also when they fill a block', () => {
    const { attach, blocks } = worldOf('10.1.0.0/26', 2);
    for (const ip of ['10.1.0.2', '10.1.0.3', '10.1.0.5']) attach(1, ip);
    expect([attach(0), attach(0)]).toEqual(['10.1.0.4', '10.1.0.6']);
    expect(blocks()).toEqual(['10.1.0.4/30']);
  });

  it('past a gateway in the middle', () => {
    const { attach, blocks } = worldOf('10.1.0.0/28', 1, ['10.1.0.5']);
    expect([0, 1, 2, 3, 4].map(() => attach(0))).toEqual([
      '10.1.0.1',
      '10.1.0.2',
      '10.1.0.3',
      '10.1.0.4',
      '10.1.0.6',
    ]);
    expect(blocks()).toEqual(['10.1.0.0/30', '10.1.0.4/30']);
  });

  it("other hosts' blocks when all are owned, from the far end", () => {
    const { attach, blocks } = worldOf('10.1.0.0/28', 5);
    expect([0, 1, 2, 3].map((host) => attach(host))).toEqual([
      '10.1.0.2',
      '10.1.0.4',
      '10.1.0.8',
      '10.1.0.12',
    ]);
    expect([attach(4), attach(3), attach(4), attach(4)]).toEqual([
      '10.1.0.14',
      '10.1.0.13',
      '10.1.0.11',
      '10.1.0.10',
    ]);
    expect(blocks()).toHaveLength(4);
  });

  it('a subnet without blocks one by one', () => {
    const { attach, blocks } = worldOf('10.1.0.0/29', 2);
    expect([attach(0), attach(1), attach(0)]).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4']);
    expect(blocks()).toEqual([]);
  });

  it('IPv6 never ::0, and not the last of the reserved ones by mistake', () => {
    const { attach, blocks } = worldOf('fd00:1::/64', 3, ['fd00:1::ffff']);
    expect([attach(0), attach(1), attach(0)]).toEqual(['fd00:1::1', 'fd00:1::1:0', 'fd00:1::2']);
    expect(attach(2, 'fd00:1:0:0:ffff:ffff:ffff:ffff')).toBe('fd00:1::ffff:ffff:ffff:ffff');
    expect(blocks()).toEqual(['fd00:1::/112', 'fd00:1::1:0/112']);
  });
});

describe('a subnet is filled to the last usable address, and not beyond', () => {
  it.each([
    ['10.1.0.0/30', 1],
    ['10.1.0.0/29', 2],
    ['10.1.0.0/28', 3],
    ['10.1.0.0/27', 1],
    ['10.1.0.0/26', 7],
    ['10.1.0.0/25', 3],
    ['10.1.0.0/24', 40],
    ['10.1.0.0/22', 2],
    ['fd00:1::/126', 1],
    ['fd00:1::/125', 2],
    ['fd00:1::/124', 3],
    ['fd00:1::/120', 40],
  ])('%s by %s hosts', (subnet, hosts) => {
    const { it, network, attach, blocks } = worldOf(subnet, hosts);
    const usable = Number(usableCount(network.subnets[0]!));
    const bits = subnet.includes(':') ? 128 : 32;
    expect(usable).toBe(2 ** (bits - prefixLengthOf(subnet as Cidr)) - (bits === 32 ? 3 : 2));
    const given = new Set<string>();
    for (let i = 0; i < usable; i++) given.add(attach((i * 7) % hosts));
    expect(given.size).toBe(usable);
    expect([...given].filter((ip) => !cidrContains(subnet as Cidr, ip as Ip))).toEqual([]);
    const before = blocks();
    expect(attach(0)).toBe(
      `exhausted subnet "${subnet}": is full: all ${usable} addresses of network n are taken; ` +
        'detach endpoints that are no longer needed, or use a network with a larger subnet',
    );
    expect(blocks()).toEqual(before);
    expect(it.snapshot.endpoints.size).toBe(usable);
    const [first] = it.snapshot.endpoints.values();
    it.do({ wish: 'detach-endpoint', endpoint: first!.id, generation: 1 });
    expect(attach(hosts - 1)).toBe(first!.addresses[0]);
  });
});

it('of two families, the one that is full refuses, and nothing is taken of the other', () => {
  const it = new World();
  it.host('h1');
  it.network('n', { subnets: ['10.1.0.0/30', 'fd00:1::/64'] });
  it.endpoint('n', 'h1', 'a');
  const { revision } = it.snapshot;
  expect(sentences(it.try(attachEndpoint('n', 'h1', 'b')))[0]).toBe('exhausted');
  expect([it.snapshot.revision, it.snapshot.blocks.size]).toEqual([revision, 1]);
});
