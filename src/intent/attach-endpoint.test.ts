import { describe, expect, it } from 'vitest';
import type { Endpoint } from '#model/records.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import { attachEndpoint, sentences, World } from './test-world.ts';

/** Two hosts; `red` with an endpoint `web` on h2, 10.1.0.9 and a known MAC. */
function world(): World {
  const it = new World();
  it.host('h1');
  it.host('h2');
  it.network('Red', { subnets: ['10.1.0.0/24', 'fd00:1::/64'] });
  it.network('blue', { subnets: ['10.2.0.0/24'] });
  it.endpoint('red', 'h2', 'web', { addresses: ['10.1.0.9'], mac: '02:00:00:00:00:09' });
  return it;
}
const refusals = (more: Partial<AttachEndpoint>, it = world()) =>
  sentences(it.try(attachEndpoint('red', 'h1', 'c1', more)));

describe('what is chosen when nothing is asked', () => {
  it('is an address of each subnet from new blocks of the host, eth0, a name after the container and a MAC', () => {
    const it = world();
    const { changes, subject, notices } = it.do(attachEndpoint('red', 'h1', '/run/netns/web'));
    const h1 = it.snapshot.hostNamed('h1')!;
    const network = it.snapshot.networkNamed('red')!.id;
    const id = expect.stringMatching(/^[0-9A-Z]{26}$/);
    expect(changes.map((change) => change.verb === 'put' && change.record)).toEqual([
      { kind: 'block', id, network, host: h1.id, cidr: '10.1.0.0/29', epoch: 1, except: [], retired: 0 },
      { kind: 'block', id, network, host: h1.id, cidr: 'fd00:1::1:0/112', epoch: 1, except: [], retired: 0 },
      subject,
    ]);
    expect(notices).toEqual([]);
    expect(subject).toEqual({
      kind: 'endpoint',
      id,
      network,
      host: h1.id,
      runtime: 'netns',
      containerId: '/run/netns/web',
      interface: 'eth0',
      name: 'web',
      aliases: [],
      mac: expect.stringMatching(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/),
      addresses: ['10.1.0.2', 'fd00:1::1:0'],
      generation: 1,
    });
  });

  it('is a block with the epoch of the host, and not from one of an earlier epoch', () => {
    const it = world();
    it.endpoint('red', 'h1', 'a');
    it.put({ ...it.snapshot.hostNamed('h1')!, epoch: 2 });
    const { changes } = it.do(attachEndpoint('red', 'h1', 'b'));
    expect(changes).toMatchObject([
      { record: { kind: 'block', cidr: '10.1.0.8/29', epoch: 2 } },
      { record: { kind: 'block', epoch: 2 } },
      { record: { kind: 'endpoint' } },
    ]);
  });

  it('is the next free interface of a container that is in other networks', () => {
    const it = world();
    it.network('green', { subnets: ['10.3.0.0/24'] });
    it.network('grey', { subnets: ['10.4.0.0/24'] });
    const interfaces = ['red', 'blue', 'green'].map((network) => it.endpoint(network, 'h1', 'c').interface);
    expect(interfaces).toEqual(['eth0', 'eth1', 'eth2']);
    const [, endpoint] = [...it.snapshot.endpoints.values()].filter((each) => each.containerId === 'c');
    it.do({ wish: 'detach-endpoint', endpoint: endpoint!.id, generation: 1 });
    expect(it.endpoint('grey', 'h1', 'c').interface).toBe('eth1');
    // The same word on another host is another container.
    expect(it.endpoint('grey', 'h2', 'c').interface).toBe('eth0');
  });

  it.each([
    ['c1', 'c1'],
    ['1234', '1234'],
    ['/run/netns/blue', 'blue'],
    ['/var/run/docker/netns/1-ab_c.d/', '1-ab_c.d'],
    ['/x/größe groß', 'gr-e-gro-'],
    ['/x/.hidden', 'hidden'],
    ['x'.repeat(256), 'x'.repeat(128)],
  ])('is after container %.40s the name %.40s', (containerId, name) => {
    expect(world().endpoint('red', 'h1', containerId).name).toBe(name);
  });

  it('is another MAC when chance gives one that is taken', () => {
    const [a, b] = [world(), world()];
    const { mac } = a.endpoint('red', 'h1', 'c');
    b.put({ ...[...b.snapshot.endpoints.values()][0]!, mac });
    expect(b.endpoint('red', 'h1', 'c').mac).not.toBe(mac);
  });
});

it('takes every field that is given', () => {
  const given = {
    interface: 'net-0.1',
    name: 'db_1',
    aliases: ['db', 'DB', 'db.local'],
    mac: '02-00-00-00-00-AA',
    addresses: ['FD00:1::5', '10.1.0.5'],
  };
  const { changes, subject } = world().do(attachEndpoint('red', 'h1', 'c1', given));
  expect(changes).toHaveLength(1);
  expect(subject).toMatchObject({
    interface: 'net-0.1',
    name: 'db_1',
    aliases: ['db', 'db.local'],
    mac: '02:00:00:00:00:aa',
    addresses: ['10.1.0.5', 'fd00:1::5'],
  });
});

it('allocates the family that was not given', () => {
  const { addresses } = world().endpoint('red', 'h1', 'c', { addresses: ['fd00:1::5'] });
  expect(addresses).toEqual(['10.1.0.2', 'fd00:1::5']);
});

it('takes network and host by id, and lets endpoints share a name', () => {
  const it = world();
  const [red, h1] = [it.snapshot.networkNamed('red')!, it.snapshot.hostNamed('h1')!];
  expect(it.endpoint(red.id, h1.id, 'c', { name: 'web' })).toMatchObject({ name: 'web' });
});

describe('the same container again', () => {
  const first = {
    interface: 'eth5',
    name: 'db',
    aliases: ['a', 'b'],
    mac: '02:00:00:00:00:aa',
    addresses: ['10.1.0.5'],
  };
  it.each<[string, Partial<AttachEndpoint>]>([
    ['all the same', first],
    ['in another order and case', { ...first, aliases: ['B', 'a'], mac: '02:00:00:00:00:AA', name: 'DB' }],
    ['the rest left open', { aliases: ['a', 'b'] }],
  ])('changes nothing: %s', (_, more) => {
    const it = world();
    const endpoint = it.endpoint('red', 'h1', 'c1', first);
    const again = it.do(attachEndpoint('Red', 'H1', 'c1', more));
    expect(again).toEqual({ outcome: 'admitted', changes: [], subject: endpoint, notices: [] });
  });

  it('is a conflict when something else is asked, each thing with what there is', () => {
    const it = world();
    const endpoint = it.endpoint('red', 'h1', 'c1', first);
    const more = {
      interface: 'eth0',
      name: 'web',
      aliases: ['a'],
      mac: '02:00:00:00:00:bb',
      addresses: ['10.1.0.6', endpoint.addresses[1]!],
    };
    const has = (what: string) =>
      `the container is in the network already as endpoint db${what}; ` +
      'ask for the same, or detach that endpoint first';
    expect(refusals(more, it)).toEqual([
      'conflict',
      `interface "eth0": ${has(' with interface eth5')}`,
      `name "web": ${has(', another name')}`,
      `alias "a": ${has(' with aliases a, b')}`,
      `mac "02:00:00:00:00:bb": ${has(' with MAC 02:00:00:00:00:aa')}`,
      `ip "10.1.0.6": ${has(` with address ${endpoint.addresses.join(', ')}`)}`,
    ]);
  });

  it.each([[['a', 'b', 'c']], [['a']], [[]]])(
    'is a conflict with aliases %j instead of a and b',
    (aliases) => {
      const it = world();
      it.endpoint('red', 'h1', 'c1', { aliases: ['a', 'b'] });
      expect(refusals({ aliases }, it)).toEqual(['conflict', expect.stringContaining('with aliases a, b; ')]);
    },
  );

  it('is not excused from faults', () => {
    const it = world();
    it.endpoint('red', 'h1', 'c1');
    expect(refusals({ mac: 'x' }, it)[0]).toBe('invalid');
  });
});

describe('places that are refused', () => {
  it('unknown ones, both at once', () => {
    expect(sentences(world().try(attachEndpoint('rad', 'h9', 'c')))).toEqual([
      'absent',
      'network "rad": there is no such network; did you mean Red?',
      'host "h9": there is no such host; did you mean h1?',
    ]);
  });

  it('a host without an address of the underlay family', () => {
    const it = world();
    it.network('six', { underlay: 'ipv6' });
    expect(sentences(it.try(attachEndpoint('six', 'h1', 'c')))).toEqual([
      'conflict',
      'host "h1": has no IPv6 underlay address, and network six tunnels over IPv6; give its agent one with --underlay',
    ]);
  });

  it('a host that cannot carry the MTU', () => {
    const it = world();
    it.host('narrow', { underlayMtu: 1449 });
    expect(sentences(it.try(attachEndpoint('red', 'narrow', 'c')))).toEqual([
      'conflict',
      'host "narrow": carries packets of 1399 bytes, and network Red has MTU 1450; ' +
        'raise its underlay MTU by 51, or use a network with a smaller MTU',
    ]);
    it.host('wide', { underlayMtu: 1500 });
    expect(it.endpoint('red', 'wide', 'c').generation).toBe(1);
  });

  it('a second network of the container with an overlapping subnet', () => {
    const it = world();
    it.network('wide', { subnets: ['10.0.0.0/8'] });
    it.endpoint('red', 'h1', 'c');
    expect(sentences(it.try(attachEndpoint('wide', 'h1', 'c')))).toEqual([
      'conflict',
      'network "wide": its subnet 10.0.0.0/8 overlaps 10.1.0.0/24 of network Red, which the container is in; ' +
        'a container can be in one of the two: detach it there, or choose another network',
    ]);
    expect(it.endpoint('wide', 'h1', 'other').addresses).toHaveLength(1);
    expect(it.endpoint('wide', 'h2', 'c').addresses).toHaveLength(1);
  });
});

describe('fields that are refused', () => {
  it.each(['podman', '', 'toString'])('runtime %j', (runtime) => {
    expect(refusals({ runtime })).toEqual([
      'invalid',
      `runtime "${runtime}": is not known; choose one of netns, docker and host`,
    ]);
  });

  it.each([
    ['', 'is empty; use printable characters'],
    ['x'.repeat(257), 'has 257 characters; use at most 256'],
    ['a\nb', 'has characters that cannot be shown; use printable characters'],
    ['a\u202eb', 'has characters that cannot be shown; use printable characters'],
    ['\ud800', 'has characters that cannot be shown; use printable characters'],
  ])('container id %.20j', (containerId, sentence) => {
    const answer = sentences(world().try(attachEndpoint('red', 'h1', containerId)));
    expect(answer).toEqual(['invalid', expect.stringMatching(/^container-id ".*": /)]);
    expect(answer[1]).toContain(sentence);
  });

  it.each(['$()', '/', '…', '01ARYZ6S410000000000000000'])(
    'no name beside container id %s',
    (containerId) => {
      expect(sentences(world().try(attachEndpoint('red', 'h1', containerId)))).toEqual([
        'invalid',
        `name "": is left out, and container id ${containerId} gives none; give --name`,
      ]);
      expect(world().endpoint('red', 'h1', containerId, { name: 'x' }).name).toBe('x');
    },
  );

  const NAME = 'use a letter or digit first, then up to 127 letters, digits, "_", "." or "-"';
  it.each([
    ['a;$(){}', 'a;$(){}', 'is not a valid name'],
    ['a\nb', 'a\\u{a}b', 'is not a valid name'],
    ['größe', 'größe', 'is not a valid name'],
    ['', '', 'is not a valid name'],
    ['x'.repeat(300), `${'x'.repeat(60)}… (300 characters)`, 'is longer than 128 characters'],
  ])('name and alias %.20j', (name, shown, problem) => {
    expect(refusals({ name, aliases: ['ok', name] })).toEqual([
      'invalid',
      `name "${shown}": ${problem}; ${NAME}`,
      `alias "${shown}": ${problem}; ${NAME}`,
    ]);
  });

  it('65 aliases', () => {
    const aliases = Array.from({ length: 65 }, (_, i) => `a${i}`);
    expect(refusals({ aliases })).toEqual(['invalid', 'alias "a64": is one of 65 aliases; give at most 64']);
    expect(refusals({ aliases: aliases.slice(1) })).toEqual(['admitted']);
  });

  it.each([
    ['abcdefghijklmnop', 'has 16 characters; the kernel takes at most 15 (IFNAMSIZ)'],
    ['lo', 'is reserved; choose another, such as eth0'],
    ['a/b', 'is not an interface name; use letters, digits, "_", "." or "-", such as eth0'],
    ['', 'is not an interface name; use letters, digits, "_", "." or "-", such as eth0'],
  ])('interface %j', (name, sentence) => {
    expect(refusals({ interface: name })).toEqual(['invalid', `interface "${name}": ${sentence}`]);
  });

  it('an interface that the container has in another network', () => {
    const it = world();
    it.endpoint('blue', 'h1', 'c1', { interface: 'eth7' });
    it.endpoint('blue', 'h2', 'c1', { interface: 'eth8' });
    expect(refusals({ interface: 'eth7' }, it)).toEqual([
      'conflict',
      'interface "eth7": is the container\'s interface in network blue; choose another one, or leave it out',
    ]);
    expect(refusals({ interface: 'eth8' }, it)).toEqual(['admitted']);
  });

  it.each([
    ['02:00:00:00:00', 'is not a MAC address; write six hexadecimal pairs, such as 02:00:00:00:00:01'],
    ['01:00:00:00:00:01', 'is a multicast address; the lowest bit of the first byte must be 0'],
    ['ff:ff:ff:ff:ff:ff', 'is a multicast address; the lowest bit of the first byte must be 0'],
    ['00:00:00:00:00:00', 'is the zero address; give another one, or leave it out'],
  ])('MAC %s', (mac, sentence) => {
    expect(refusals({ mac })).toEqual(['invalid', `mac "${mac}": ${sentence}`]);
  });

  it('a MAC that another endpoint of the network has', () => {
    const it = world();
    expect(refusals({ mac: '02-00-00-00-00-09' }, it)).toEqual([
      'conflict',
      'mac "02:00:00:00:00:09": is taken by endpoint web on host h2; choose another one, or leave it out',
    ]);
    expect(it.endpoint('blue', 'h1', 'c1', { mac: '02:00:00:00:00:09' }).mac).toBe('02:00:00:00:00:09');
  });

  const FIX = 'choose another one, or leave it out';
  it.each([
    ['invalid', '10.1.1.5', `is outside the network's subnet 10.1.0.0/24; ${FIX}`],
    ['invalid', '10.1.0.0', `is the network address; ${FIX}`],
    ['invalid', '10.1.0.255', `is the broadcast address; ${FIX}`],
    ['invalid', '10.1.0.1', `is the network's gateway; ${FIX}`],
    ['invalid', 'fd00:1::', `is the subnet-router anycast address (RFC 4291, 2.6.1); ${FIX}`],
    ['invalid', 'fd00:1::1', `is the network's gateway; ${FIX}`],
    ['invalid', 'fd00:2::5', `is outside the network's subnet fd00:1::/64; ${FIX}`],
    ['invalid', '10.1.0.5/24', 'is not an IP address; write it like 10.1.0.5 or fd00::5'],
    ['invalid', '', 'is not an IP address; write it like 10.1.0.5 or fd00::5'],
    ['conflict', '10.1.0.9', `is taken by endpoint web on host h2; ${FIX}`],
  ])('%s address %s', (reason, ip, sentence) => {
    expect(refusals({ addresses: [ip] })).toEqual([reason, `ip "${ip}": ${sentence}`]);
  });

  it('an address of a family that the network has not, or two of one', () => {
    const it = world();
    expect(sentences(it.try(attachEndpoint('blue', 'h1', 'c', { addresses: ['fd00:1::5'] })))).toEqual([
      'invalid',
      `ip "fd00:1::5": the network has no IPv6 subnet; ${FIX}`,
    ]);
    expect(refusals({ addresses: ['10.1.0.5', '10.1.0.6'] })).toEqual([
      'invalid',
      'ip "10.1.0.6": comes beside 10.1.0.5; give at most one IPv4 address',
    ]);
  });

  it('every one at once, whatever the place', () => {
    const more = {
      runtime: 'x',
      interface: 'lo',
      name: '',
      aliases: [''],
      mac: '',
      addresses: ['', '10.9.0.1', '10.1.0.9'],
    };
    const fields = (answer: string[]) => answer.slice(1).map((sentence) => sentence.replace(/ ".*/, ''));
    const invalid = ['container-id', 'runtime', 'interface', 'name', 'alias', 'mac', 'ip', 'ip'];
    const nowhere = sentences(world().try(attachEndpoint('nope', 'nope', '', more)));
    expect(fields(nowhere)).toEqual([...invalid, 'network', 'host']);
    const here = sentences(world().try(attachEndpoint('red', 'h1', '', more)));
    expect(fields(here)).toEqual([...invalid, 'ip']);
  });
});

it('gives an address again after its endpoint is gone, and the block stays with the host', () => {
  const it = world();
  const first: Endpoint = it.endpoint('red', 'h1', 'a');
  it.do({ wish: 'detach-endpoint', endpoint: first.id, generation: 1 });
  const blocks = [...it.snapshot.blocks.keys()];
  expect(it.endpoint('red', 'h1', 'b').addresses).toEqual(first.addresses);
  expect([...it.snapshot.blocks.keys()]).toEqual(blocks);
});
