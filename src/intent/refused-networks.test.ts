import { describe, expect, it, test } from 'vitest';
import type { CreateNetwork } from '#model/wish.ts';
import { createNetwork, sentences, World } from './test-world.ts';

/** Two hosts, one network. */
function world(): World {
  const it = new World();
  it.host('h1', { takenPorts: [53, 4790], routes: ['0.0.0.0/0', '10.7.0.0/16', 'fe80::/64'] });
  it.host('h2', { takenPorts: [53], routes: ['10.7.3.0/24', 'fd77::/32'] });
  it.network('Red', { subnets: ['10.1.0.0/24'], vni: 7 });
  return it;
}
const refusals = (more: Partial<CreateNetwork>, name = 'blue') =>
  sentences(world().try(createNetwork(name, more)));

describe('subnets that are refused', () => {
  const PRIVATE = 'choose a private range, such as 10.1.0.0/24 or fd00:1::/64';
  it.each([
    ['banana', 'is not a subnet; write it like 10.1.0.0/24 or fd00:1::/64'],
    ['', 'is not a subnet; write it like 10.1.0.0/24 or fd00:1::/64'],
    ['10.300.0.0/24', 'is not a subnet; write it like 10.1.0.0/24 or fd00:1::/64'],
    ['10.2.0.0', 'has no prefix length; add one, such as 10.2.0.0/24'],
    ['10.2.0.0/33', 'has no prefix length from 0 to 32; write it like 10.2.0.0/24'],
    ['10.2.0.5/24', 'has bits set to the right of its prefix; write 10.2.0.0/24'],
    [
      '10.2.0.0/31',
      'has 2 addresses, which leaves none beside the network, broadcast and gateway address; use /30 or wider',
    ],
    [
      '10.2.0.0/32',
      'has 1 address, which leaves none beside the network, broadcast and gateway address; use /30 or wider',
    ],
    [
      'fd00:2::/127',
      'has 2 addresses, which leaves none beside the router-anycast and gateway address; use /126 or wider',
    ],
    ['0.0.0.0/0', `overlaps 0.0.0.0/8 (unspecified addresses); ${PRIVATE}`],
    ['0.0.0.0/24', `overlaps 0.0.0.0/8 (unspecified addresses); ${PRIVATE}`],
    ['127.0.0.0/24', `overlaps 127.0.0.0/8 (loopback); ${PRIVATE}`],
    ['64.0.0.0/2', `overlaps 127.0.0.0/8 (loopback); ${PRIVATE}`],
    ['169.254.7.0/24', `overlaps 169.254.0.0/16 (link-local); ${PRIVATE}`],
    ['239.0.0.0/24', `overlaps 224.0.0.0/4 (multicast); ${PRIVATE}`],
    ['255.255.255.0/24', `overlaps 255.255.255.255/32 (broadcast); ${PRIVATE}`],
    ['::/0', `overlaps ::/128 (the unspecified address); ${PRIVATE}`],
    ['::/64', `overlaps ::/128 (the unspecified address); ${PRIVATE}`],
    ['::ffff:a02:0/120', `overlaps ::ffff:0:0/96 (IPv4-mapped, never on a wire); ${PRIVATE}`],
    ['fe80::/64', `overlaps fe80::/10 (link-local); ${PRIVATE}`],
    ['ff05::/64', `overlaps ff00::/8 (multicast); ${PRIVATE}`],
    ['240.32.0.0/24', `overlaps 240.0.0.0/7 (Weft’s own, for the ways out of networks); ${PRIVATE}`],
    ['241.255.255.0/24', `overlaps 240.0.0.0/7 (Weft’s own, for the ways out of networks); ${PRIVATE}`],
    [
      'fd77:6566:7400::/64',
      `overlaps fd77:6566:7400::/64 (Weft’s own, for the ways out of networks); ${PRIVATE}`,
    ],
  ])('%j', (subnet, sentence) => {
    expect(refusals({ subnets: [subnet] })).toEqual(['invalid', `subnet "${subnet}": ${sentence}`]);
  });

  it('because of each other', () => {
    const fix = 'a network has at most one IPv4 subnet: give one of the two';
    expect(refusals({ subnets: ['10.2.0.0/16', '10.2.3.0/24'] })).toEqual([
      'invalid',
      `subnet "10.2.3.0/24": overlaps 10.2.0.0/16, given too; ${fix}`,
    ]);
    expect(refusals({ subnets: ['10.2.0.0/24', '10.2.0.0/24'] })).toEqual([
      'invalid',
      `subnet "10.2.0.0/24": overlaps 10.2.0.0/24, given too; ${fix}`,
    ]);
    expect(refusals({ subnets: ['10.2.0.0/24', 'fd00:2::/64', '10.3.0.0/24'] })).toEqual([
      'invalid',
      `subnet "10.3.0.0/24": comes beside 10.2.0.0/24; ${fix}`,
    ]);
  });

  it('because hosts route them, unless overlap is allowed; the default route leads everywhere', () => {
    expect(refusals({ subnets: ['10.7.3.128/25', 'fd77::/64'] })).toEqual([
      'conflict',
      'subnet "10.7.3.128/25": overlaps the route to 10.7.0.0/16 on host h1 and 10.7.3.0/24 on host h2; ' +
        'choose another subnet, leave it out, or say --allow-overlap',
      'subnet "fd77::/64": overlaps the route to fd77::/32 on host h2; ' +
        'choose another subnet, leave it out, or say --allow-overlap',
    ]);
    expect(refusals({ subnets: ['10.7.3.128/25'], allowOverlap: true })).toEqual(['admitted']);
    expect(refusals({ subnets: ['10.8.0.0/16'] })).toEqual(['admitted']);
  });

  it('not beside what the ways out take', () => {
    expect(refusals({ subnets: ['242.0.0.0/24', 'fd77:6566:7400:1::/64'], allowOverlap: true })).toEqual([
      'admitted',
    ]);
  });

  it('not because another network has them', () => {
    expect(refusals({ subnets: ['10.1.0.0/24'] })).toEqual(['admitted']);
  });

  it.each(['10.2.0.0/30', 'fd00:2::/126'])('not %s, the smallest', (subnet) => {
    expect(refusals({ subnets: [subnet] })).toEqual(['admitted']);
  });
});

describe('gateways that are refused', () => {
  const FIX = 'use an address such as 10.2.0.1, or leave it out';
  it.each([
    ['10.3.0.1', `is outside the subnet 10.2.0.0/24; ${FIX}`],
    ['10.2.0.0', `is the network address of 10.2.0.0/24; ${FIX}`],
    ['10.2.0.255', `is the broadcast address of 10.2.0.0/24; ${FIX}`],
    ['fd00:2::1', 'has no IPv6 subnet to be in; give that subnet too, or leave the gateway out'],
    ['10.2.0', 'is not an IP address; write it like 10.1.0.5 or fd00::5'],
    ['10.2.0.1/24', 'is not an IP address; write it like 10.1.0.5 or fd00::5'],
  ])('%s', (gateway, sentence) => {
    const answer = refusals({ subnets: ['10.2.0.0/24'], gateways: [gateway] });
    expect(answer).toEqual(['invalid', `gateway "${gateway}": ${sentence}`]);
  });

  it('in IPv6, two of one family, and without any subnet', () => {
    expect(refusals({ subnets: ['fd00:2::/64'], gateways: ['fd00:2::'] })).toEqual([
      'invalid',
      'gateway "fd00:2::": is the subnet-router anycast address (RFC 4291, 2.6.1) of fd00:2::/64; ' +
        'use an address such as fd00:2::1, or leave it out',
    ]);
    expect(refusals({ subnets: ['10.2.0.0/24'], gateways: ['10.2.0.1', '10.2.0.2'] })).toEqual([
      'invalid',
      'gateway "10.2.0.2": comes beside 10.2.0.1; give one IPv4 gateway',
    ]);
    expect(refusals({ gateways: ['10.2.0.1'] })).toEqual([
      'invalid',
      'gateway "10.2.0.1": has no IPv4 subnet to be in; give that subnet too, or leave the gateway out',
    ]);
  });

  it('not besides a subnet that could not be read', () => {
    expect(refusals({ subnets: ['10.2.0.0/240'], gateways: ['10.2.0.1'] })).toEqual([
      'invalid',
      'subnet "10.2.0.0/240": has no prefix length from 0 to 32; write it like 10.2.0.0/24',
    ]);
  });
});

describe('numbers and words that are refused', () => {
  it.each([0, 2 ** 24, -1, 1.5, Number.NaN])('VNI %s', (vni) => {
    expect(refusals({ vni })).toEqual([
      'invalid',
      `vni "${vni}": is not a VNI; use a whole number from 1 to 16777215, or leave it out`,
    ]);
  });
  it('a VNI that another network has, whatever its port', () => {
    const sentence = 'vni "7": is taken by network Red; choose another VNI, or leave it out';
    expect(refusals({ vni: 7, port: 9999 })).toEqual(['conflict', sentence]);
  });
  it.each([1, 2 ** 24 - 1])('not VNI %s', (vni) => {
    expect(refusals({ vni })).toEqual(['admitted']);
  });

  it.each([0, 65_536, -1, 4789.5])('port %s', (port) => {
    expect(refusals({ port })).toEqual([
      'invalid',
      `port "${port}": is not a whole number from 1 to 65535; give one in that range`,
    ]);
  });
  it('a port that hosts report as taken', () => {
    expect(refusals({ port: 53 })).toEqual([
      'conflict',
      'port "53": is taken by another program on hosts h1 and h2; use a free UDP port, such as --port 4789',
    ]);
  });
  it('the default port too, with one that is free everywhere', () => {
    const it = world();
    it.host('h3', { takenPorts: [4789, 4791] });
    expect(sentences(it.try(createNetwork('blue')))).toEqual([
      'conflict',
      'port "4789": is taken by another program on host h3; use a free UDP port, such as --port 4792',
    ]);
  });

  it.each([575, 65_486, 0, Number.NaN])('MTU %s', (mtu) => {
    expect(refusals({ mtu, subnets: ['10.2.0.0/24'] })).toEqual([
      'invalid',
      `mtu "${mtu}": is not a whole number from 576 to 65485; give one in that range`,
    ]);
  });
  it('an MTU too small for IPv6, or too large for its underlay', () => {
    expect(refusals({ mtu: 1279 })).toEqual([
      'invalid',
      'mtu "1279": is below 1280, under which the kernel does no IPv6; give at least 1280, or only an IPv4 subnet',
    ]);
    expect(refusals({ mtu: 65_485, underlay: 'ipv6' })).toEqual([
      'invalid',
      'mtu "65485": is not a whole number from 576 to 65465; give one in that range',
    ]);
  });
  it.each([576, 65_485])('not MTU %s', (mtu) => {
    expect(refusals({ mtu, subnets: ['10.2.0.0/24'] })).toEqual(['admitted']);
  });

  it.each([0, 256, -1, 1.5])('TTL %s', (ttl) => {
    expect(refusals({ ttl })).toEqual([
      'invalid',
      `ttl "${ttl}": is not a whole number from 1 to 255; give one in that range`,
    ]);
  });
  it.each(['', 'Proxy', 'toString', 'vxlan'])('mode %j', (mode) => {
    expect(refusals({ mode })).toEqual([
      'invalid',
      `mode "${mode}": is not known; choose one of p2p, multicast, flood, static, proxy and on-demand`,
    ]);
  });
  it.each(['', 'IPv4', '4'])('underlay %j', (underlay) => {
    expect(refusals({ underlay })).toEqual([
      'invalid',
      `underlay "${underlay}": is not known; choose one of ipv4 and ipv6`,
    ]);
  });
});

test('a word for port security that is none, by the name of its option', () => {
  expect(refusals({ portSecurity: 'maybe' })).toEqual([
    'invalid',
    'port-security "maybe": is not known; choose one of on and off',
  ]);
});

describe('names that are refused', () => {
  const RULE = 'use a letter or digit first, then up to 127 letters, digits, "_", "." or "-"';
  it.each([
    ['', ''],
    ['a;$(){}', 'a;$(){}'],
    ['a\nb', 'a\\u{a}b'],
    ['größe', 'größe'],
    ['../etc', '../etc'],
    ['-rf', '-rf'],
  ])('%j', (name, shown) => {
    expect(refusals({}, name)).toEqual(['invalid', `name "${shown}": is not a valid name; ${RULE}`]);
  });
  it('300 characters', () => {
    expect(refusals({}, 'x'.repeat(300))).toEqual([
      'invalid',
      `name "${'x'.repeat(60)}… (300 characters)": is longer than 128 characters; ${RULE}`,
    ]);
  });
  it.each(['Red', 'red', 'RED'])('%s, which is taken', (name) => {
    expect(refusals({}, name)).toEqual([
      'conflict',
      `name "${name}": is taken by network Red (VNI 7); choose another name; case makes no difference`,
    ]);
  });
  it.each(['01ARYZ6S410000000000000000', '01aryz6s410000000000000000'])('%s, like an id', (name) => {
    expect(refusals({}, name)).toEqual([
      'invalid',
      `name "${name}": looks like an id, which look-ups take too; choose another name`,
    ]);
  });
});

it('tells every fault at once, and the reason that is mended first', () => {
  const answer = refusals(
    {
      subnets: ['10.7.0.0/24', '10.2.0.0/24', 'x'],
      gateways: ['10.9.0.1', 'y'],
      mode: 'z',
      vni: 7,
      port: 53,
      underlay: 'q',
      mtu: 1,
      ttl: 0,
    },
    'Red',
  );
  expect(answer.map((sentence) => sentence.replace(/: .*/, ''))).toEqual([
    'invalid',
    'subnet "10.2.0.0/24"',
    'subnet "x"',
    'gateway "10.9.0.1"',
    'gateway "y"',
    'underlay "q"',
    'mode "z"',
    'mtu "1"',
    'ttl "0"',
    'name "Red"',
    'subnet "10.7.0.0/24"',
    'vni "7"',
    'port "53"',
  ]);
});

it('answers a thousand junk subnets with a hundred faults', () => {
  expect(refusals({ subnets: Array(1000).fill('x') })).toHaveLength(101);
});

describe('multicast groups', () => {
  it('are chosen by the VNI, in the underlay’s family', () => {
    const it = new World();
    const group = (underlay: string, vni: number) =>
      it.network(`n${vni}`, { mode: 'multicast', underlay, vni }).group;
    expect(group('ipv4', 1_048_577)).toBe('239.16.0.1');
    expect(group('ipv4', 16_777_215)).toBe('239.255.255.255');
    expect(group('ipv6', 5)).toBe('ff18::8000:5');
  });

  it('that were asked for are kept, also when networks share one; other modes have none', () => {
    const it = new World();
    const [a, b] = ['a', 'b'].map((name) => it.network(name, { mode: 'multicast', group: '239.1.1.1' }));
    expect([a!.group, b!.group]).toEqual(['239.1.1.1', '239.1.1.1']);
    expect('group' in it.network('c')).toBe(false);
  });

  const LIKE = 'give one like 239.0.0.1, or leave it out';
  it.each([
    ['x', { mode: 'multicast' }, `is not an IP address; ${LIKE}`],
    ['10.1.0.1', { mode: 'multicast' }, `is not a multicast address; ${LIKE}`],
    ['224.0.0.5', { mode: 'multicast' }, `is in 224.0.0.0/24, which is reserved; ${LIKE}`],
    [
      'ff18::5',
      { mode: 'multicast', underlay: 'ipv4' },
      'is not of the underlay’s family, IPv4; give a group in 224.0.0.0/4, or another --underlay',
    ],
    ['239.1.1.1', {}, 'makes no sense in mode proxy; give --mode multicast, or leave it out'],
  ])('%s is refused (%j)', (group, more, sentence) => {
    expect(refusals({ group, ...more })).toEqual(['invalid', `group "${group}": ${sentence}`]);
  });
});
