import { describe, expect, it } from 'vitest';
import { createNetwork, POOLS, sentences, World } from './test-world.ts';

describe('what is chosen when nothing is asked', () => {
  it('is a subnet of each pool, the first VNI, IANA port, proxy, IPv4 and an MTU that fits', () => {
    const it = new World();
    const answer = it.do(createNetwork('red'));
    expect(answer.changes).toEqual([{ verb: 'put', record: answer.subject }]);
    expect(answer.notices).toEqual([]);
    expect(answer.subject).toEqual({
      kind: 'network',
      adopts: false,
      internal: false,
      gateway: 'runtime',
      portSecurity: 'on',
      labels: {},
      id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      name: 'red',
      vni: 1_048_576,
      port: 4789,
      mode: 'proxy',
      underlay: 'ipv4',
      mtu: 1450,
      ttl: 64,
      subnets: [
        { cidr: '10.128.0.0/20', gateway: '10.128.0.1' },
        { cidr: 'fd00:77:65::/64', gateway: 'fd00:77:65::1' },
      ],
    });
  });

  it('is the lowest that is free', () => {
    const it = new World();
    const networks = ['a', 'b', 'c'].map((name) => it.network(name));
    expect(networks.map((each) => each.vni)).toEqual([1_048_576, 1_048_577, 1_048_578]);
    expect(networks.map((each) => each.subnets[0]!.cidr)).toEqual([
      '10.128.0.0/20',
      '10.128.16.0/20',
      '10.128.32.0/20',
    ]);
    expect(networks[2]!.subnets[1]!.cidr).toBe('fd00:77:65:2::/64');
    it.do({ wish: 'remove-network', network: 'b' });
    const { vni, subnets } = it.network('d');
    expect([vni, ...subnets.map(({ cidr }) => cidr)]).toEqual([
      1_048_577,
      '10.128.16.0/20',
      'fd00:77:65:1::/64',
    ]);
  });

  it('is the way out that is asked for', () => {
    const it = new World();
    expect(it.network('a', { internal: true, gateway: 'anycast' })).toMatchObject({
      internal: true,
      gateway: 'anycast',
    });
    expect(sentences(it.try(createNetwork('b', { gateway: 'none' })))).toEqual([
      'invalid',
      'gateway "none": is not known; choose one of runtime and anycast',
    ]);
  });

  it('is not hindered by a VPN that leads all that a host sends into its tunnel', () => {
    const it = new World();
    const halves = ['0.0.0.0/1', '128.0.0.0/1', '::/1', '8000::/1'];
    it.host('h1', { routes: ['0.0.0.0/0', ...halves] });
    expect(it.network('a').subnets.map(({ cidr }) => cidr)).toEqual(['10.128.0.0/20', 'fd00:77:65::/64']);
    it.network('b', { subnets: ['10.1.0.0/24'] });
  });

  it('avoids what networks have and hosts route, wherever it begins and ends', () => {
    const it = new World();
    it.host('h1', { routes: ['0.0.0.0/0', '::/0', '10.128.17.0/24', 'fd00:77:65::/63'] });
    it.network('a', { subnets: ['10.128.0.64/26'], vni: 1_048_576 });
    const { vni, subnets } = it.network('b');
    expect([vni, ...subnets.map(({ cidr }) => cidr)]).toEqual([
      1_048_577,
      '10.128.32.0/20',
      'fd00:77:65:2::/64',
    ]);
  });

  it('is of the given family only, gateway first usable', () => {
    const it = new World();
    const given = (subnet: string) => it.network(`n${it.snapshot.revision}`, { subnets: [subnet] }).subnets;
    expect(given('10.1.0.0/24')).toEqual([{ cidr: '10.1.0.0/24', gateway: '10.1.0.1' }]);
    expect(given('fd00:1::/64')).toEqual([{ cidr: 'fd00:1::/64', gateway: 'fd00:1::1' }]);
  });

  it('is nothing when a pool is used up', () => {
    const it = new World(1, { ...POOLS, ipv4: '10.9.0.0/19' } as typeof POOLS);
    it.network('a');
    it.network('b');
    expect(sentences(it.try(createNetwork('c')))).toEqual([
      'exhausted',
      'subnet "pool 10.9.0.0/19": has no range left that no network has and no host routes; ' +
        'give --subnet, remove a network, or give the controller a larger pool',
    ]);
    expect(it.network('c', { subnets: ['10.9.0.0/24'] }).name).toBe('c');
  });

  it('gives the whole of a pool that is narrower than its subnets', () => {
    const it = new World(1, { ...POOLS, ipv4: '10.9.0.0/24' } as typeof POOLS);
    expect(it.network('a').subnets[0]!.cidr).toBe('10.9.0.0/24');
  });
});

describe('underlay and MTU follow the hosts', () => {
  const V4 = '198.51.100.';
  const V6 = '2001:db8::';
  it.each([
    ['all have IPv4', [[`${V4}1`, `${V6}1`], [`${V4}2`]], 'ipv4', 1450],
    [
      'all have both',
      [
        [`${V4}1`, `${V6}1`],
        [`${V4}2`, `${V6}2`],
      ],
      'ipv4',
      1450,
    ],
    ['all have IPv6, not all IPv4', [[`${V4}1`, `${V6}1`], [`${V6}2`]], 'ipv6', 1430],
    ['only IPv6', [[`${V6}1`]], 'ipv6', 1430],
    ['no hosts', [], 'ipv4', 1450],
  ])('%s', (_, underlays, underlay, mtu) => {
    const it = new World();
    underlays.forEach((each, i) => {
      it.host(`h${i}`, { underlay: each });
    });
    expect(it.network('a')).toMatchObject({ underlay, mtu });
    expect(it.do(createNetwork('b')).notices).toEqual([]);
  });

  it('takes the smallest underlay MTU, of hosts that have the family', () => {
    const it = new World();
    it.host('h1', { underlayMtu: 9000 });
    it.host('h2', { underlayMtu: 1400 });
    it.host('h3', { underlayMtu: 1300, underlay: ['2001:db8::3'] });
    const answer = it.do(createNetwork('a'));
    expect(answer.subject).toMatchObject({ mtu: 1350, underlay: 'ipv4' });
    expect(answer.notices).toEqual([
      {
        code: 'host-without-underlay-family',
        title: 'Some hosts cannot take part',
        sentence: 'Network a tunnels over IPv4, and h3 has no IPv4 underlay address.',
        next: 'Give the agent there an IPv4 --underlay address, or create the network with another --underlay.',
      },
    ]);
    expect(it.network('b', { underlay: 'ipv6' })).toMatchObject({ underlay: 'ipv6', mtu: 1280 });
  });

  it('does not fall below what IPv6 needs, and tells which hosts cannot follow', () => {
    const it = new World();
    it.host('h1');
    it.host('h2', { underlayMtu: 1300 });
    const answer = it.do(createNetwork('a'));
    expect(answer.subject).toMatchObject({ mtu: 1280 });
    expect(answer.notices).toMatchObject([
      {
        code: 'host-underlay-mtu-too-small',
        sentence: 'Network a has MTU 1280, more than fits through h2 (1250).',
        next: 'Raise the underlay MTU there to 1330, or create the network with an IPv4 --subnet alone: IPv6 needs as much.',
      },
    ]);
    expect(it.network('b', { subnets: ['10.1.0.0/24'] })).toMatchObject({ mtu: 1250 });
  });

  it('takes a given MTU and tells which hosts cannot carry it', () => {
    const it = new World();
    it.host('h1');
    it.host('h2', { underlayMtu: 9000 });
    const answer = it.do(createNetwork('a', { mtu: 1451 }));
    expect(answer.subject).toMatchObject({ mtu: 1451 });
    expect(answer.notices.map((notice) => notice.sentence)).toEqual([
      'Network a has MTU 1451, more than fits through h1 (1450).',
    ]);
    expect(answer.notices[0]!.next).toContain('with a smaller --mtu');
    expect(it.do(createNetwork('b', { mtu: 1450 })).notices).toEqual([]);
  });
});

it('takes every field that is given', () => {
  const plain = { mode: 'flood', vni: 42, port: 8472, underlay: 'ipv6', mtu: 1280, ttl: 9 };
  const subnets = ['fd00:1::/64', '10.1.0.0/24'];
  const gateways = ['10.1.0.254', 'FD00:1::FE'];
  expect(new World().network('Red.net_1-a', { ...plain, subnets, gateways })).toMatchObject({
    ...plain,
    name: 'Red.net_1-a',
    subnets: [
      { cidr: '10.1.0.0/24', gateway: '10.1.0.254' },
      { cidr: 'fd00:1::/64', gateway: 'fd00:1::fe' },
    ],
  });
});

it.each(['flood', 'static', 'proxy'])('takes mode %s', (mode) => {
  expect(new World().network('a', { mode }).mode).toBe(mode);
});

it('changes nothing by asking, and answers the same wish, snapshot and chance the same', () => {
  const [a, b] = [new World(), new World()];
  const answer = a.ask(createNetwork('blue'));
  expect([...a.snapshot.records()]).toEqual([]);
  expect(b.ask(createNetwork('blue'))).toEqual(answer);
});

describe('labels', () => {
  const answer = (labels: Record<string, string>) =>
    sentences(new World().ask(createNetwork('red', { labels })));

  it('are kept as they came', () => {
    const labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.network': 'default' };
    expect(new World().network('red', { labels }).labels).toEqual(labels);
  });

  it('are few and short: every host has them', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`key${n}`, '']));
    expect(answer(many)).toEqual(['invalid', 'labels "65": are more than 64; leave some out']);
    expect(answer({ key: 'x'.repeat(1025) })[0]).toBe('invalid');
    expect(answer({ ['x'.repeat(257)]: '' })[0]).toBe('invalid');
  });
});
