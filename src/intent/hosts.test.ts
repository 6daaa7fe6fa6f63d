import { describe, expect, it } from 'vitest';
import type { Host } from '#model/records.ts';
import { registerHost, sentences, World } from './test-world.ts';

const V4 = '198.51.100.1';

describe('register-host', () => {
  it('makes a host of a new name', () => {
    const answer = new World().do(
      registerHost('Web-1', {
        underlay: [V4, '2001:DB8::1', V4],
        labels: { rack: 'b', arch: 'x86' },
        underlayMtu: 9000,
        takenPorts: [8472, 53, 53],
        routes: ['fd00::/8', '0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/8'],
      }),
    );
    expect(answer.subject).toEqual({
      kind: 'host',
      id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      name: 'web-1',
      epoch: 1,
      underlay: [V4, '2001:db8::1'],
      labels: { arch: 'x86', rack: 'b' },
      facts: {
        underlayMtu: 9000,
        takenPorts: [53, 8472],
        underlayInterfaces: ['eth0'],
        routes: ['0.0.0.0/0', '10.0.0.0/8', 'fd00::/8'],
      },
    });
    expect(answer.changes).toEqual([{ verb: 'put', record: answer.subject }]);
  });

  it('changes nothing when the same host says the same, in whatever order', () => {
    const it = new World();
    const said = {
      underlay: [V4],
      labels: { a: '1', b: '2' },
      takenPorts: [1, 2],
      routes: ['10.0.0.0/8', '0.0.0.0/0'],
    };
    const { id } = it.host('h1', said);
    const again = it.do(
      registerHost('h1', {
        id,
        underlay: [V4],
        labels: { b: '2', a: '1' },
        takenPorts: [2, 1],
        routes: ['0.0.0.0/0', '10.0.0.0/8'],
      }),
    );
    expect(again.changes).toEqual([]);
    expect(again.subject).toEqual(it.snapshot.hosts.get(id));
  });

  it.each([
    ['name', 'h2', {}],
    ['underlay', 'h1', { underlay: ['198.51.100.2'] }],
    ['labels', 'h1', { labels: { a: '2' } }],
    ['MTU', 'h1', { underlayMtu: 1400 }],
    ['ports', 'h1', { takenPorts: [53] }],
    ['routes', 'h1', { routes: ['10.0.0.0/8'] }],
  ])('keeps id and epoch when the %s changes', (_, name, more) => {
    const it = new World();
    const before = it.host('h1', { underlay: [V4] });
    it.put({ ...before, epoch: 3 });
    const { changes, subject } = it.do(registerHost(name, { id: before.id, underlay: [V4], ...more }));
    expect(changes).toEqual([{ verb: 'put', record: subject }]);
    expect(subject).toMatchObject({ id: before.id, epoch: 3, name });
    expect(it.snapshot.hosts.size).toBe(1);
  });

  it('sees an order of underlay addresses as news: the first of a family is the VTEP', () => {
    const it = new World();
    const underlay = ['198.51.100.1', '198.51.100.2'];
    const { id } = it.host('h1', { underlay });
    expect(it.do(registerHost('h1', { id, underlay: underlay.toReversed() })).changes).toHaveLength(1);
  });

  const refusals = (name: string, more: Parameters<typeof registerHost>[1] = {}) => {
    const it = new World();
    it.host('h1', { underlay: [V4, '2001:db8::1'] });
    return sentences(it.try(registerHost(name, { underlay: ['198.51.100.9'], ...more })));
  };

  it('refuses a stranger with a known name, whatever the case', () => {
    for (const name of ['h1', 'H1'])
      expect(refusals(name)).toEqual([
        'conflict',
        `name "${name}": is taken by another host (underlay 198.51.100.1, 2001:db8::1); ` +
          'choose another name or, if that host is gone, run `weft host rm h1` on the controller',
      ]);
  });

  it('refuses to rename a host to a taken name', () => {
    const it = new World();
    it.host('h1');
    const { id } = it.host('h2', { underlay: [V4] });
    expect(sentences(it.try(registerHost('h1', { id, underlay: [V4] })))[0]).toBe('conflict');
  });

  it('refuses the tunnel address of another host', () => {
    expect(refusals('h2', { underlay: ['198.51.100.2', '2001:db8:0::1'] })).toEqual([
      'conflict',
      'underlay "2001:db8::1": is taken by host h1; ' +
        'give another address or, if that host is gone, run `weft host rm h1`',
    ]);
  });
  it('lets a known host have no tunnel address for now', () => {
    const it = new World();
    const { id } = it.host('h1', { underlay: [V4] });
    expect(it.do(registerHost('h1', { id, underlay: [] })).subject).toMatchObject({ id, underlay: [] });
  });

  it('takes the id that a new host gives itself, and refuses what is none', () => {
    const id = '01ARYZ6S410000000000000000';
    expect(new World().host('h2', { id })).toMatchObject({ id, epoch: 1 });
    expect(refusals('h2', { id: 'junk' })[1]).toMatch(/^id "junk": is not an id/);
  });

  it.each([
    ['', 'a host needs at least one address for its tunnels'],
    ['eth0', 'is not an IP address'],
    ['10.0.0.1/24', 'is not an IP address'],
    ['0.0.0.0', 'is in 0.0.0.0/8 (unspecified addresses)'],
    ['127.0.0.1', 'is in 127.0.0.0/8 (loopback)'],
    ['169.254.1.1', 'is in 169.254.0.0/16 (link-local)'],
    ['239.1.1.1', 'is in 224.0.0.0/4 (multicast)'],
    ['255.255.255.255', 'is in 255.255.255.255/32 (broadcast)'],
    ['::', 'is in ::/128 (the unspecified address)'],
    ['::1', 'is in ::1/128 (loopback)'],
    ['::ffff:a00:1', 'is in ::ffff:0:0/96 (IPv4-mapped, never on a wire)'],
    ['fe80::1', 'is in fe80::/10 (link-local)'],
    ['ff02::1', 'is in ff00::/8 (multicast)'],
  ])('refuses the underlay address %j', (address, problem) => {
    expect(refusals('h2', { underlay: address === '' ? [] : [address] })).toEqual([
      'invalid',
      expect.stringContaining(`underlay "${address}": ${problem}; `),
    ]);
  });

  it.each(['', 'a.b', 'a_b', '-a', 'a;$(){}', 'a\n', 'größe', 'x'.repeat(300), '01ARYZ6S410000000000000000'])(
    'refuses the name %.60j',
    (name) => {
      expect(refusals(name)).toEqual(['invalid', expect.stringMatching(/^name "/)]);
    },
  );

  it('answers junk among the facts with faults', () => {
    const junk = {
      underlayMtu: 575,
      takenPorts: [0, 65_536, 'x', null, 53],
      routes: [7, {}, '10.0.0.1/8', 'x'],
    };
    expect(refusals('h2', junk)).toEqual([
      'invalid',
      'underlay-mtu "575": is not a whole number from 576 to 65535; give one in that range',
      'taken-ports "0": is not a whole number from 1 to 65535; give one in that range',
      'taken-ports "65536": is not a whole number from 1 to 65535; give one in that range',
      'taken-ports "x": is not a whole number from 1 to 65535; give one in that range',
      'taken-ports "null": is not a whole number from 1 to 65535; give one in that range',
      'routes "7": is not text; give it as text',
      'routes "{}": is not text; give it as text',
      'routes "10.0.0.1/8": has bits set to the right of its prefix; write 10.0.0.0/8',
      'routes "x": is not a subnet; write it like 10.1.0.0/24 or fd00:1::/64',
    ]);
    expect(refusals('h2', { routes: Array(500_000).fill('x') })).toHaveLength(101);
  });

  it.each([65_536, Number.NaN, -1])('refuses underlay MTU %s', (underlayMtu) => {
    expect(refusals('h2', { underlayMtu })[0]).toBe('invalid');
  });
});

describe('remove-host', () => {
  it('deletes the host and lets its blocks rest, by name or id', () => {
    for (const by of ['name', 'id'] as const) {
      const it = new World();
      const [h1, h2] = [it.host('h1'), it.host('h2')];
      it.network('red');
      for (const host of [h1, h2])
        it.do({ wish: 'detach-endpoint', endpoint: it.endpoint('red', host.id, 'c').id, generation: 1 });
      expect(it.snapshot.blocks.size).toBe(4);
      const { changes, subject } = it.do({ wish: 'remove-host', host: h1[by] });
      expect(subject).toEqual(h1);
      expect(changes.map((change) => change.verb)).toEqual(['put', 'put', 'delete']);
      expect([...it.snapshot.hosts.keys()]).toEqual([h2.id]);
      const inUse = [...it.snapshot.blocks.values()].filter(({ retired }) => retired === 0);
      expect(inUse.map((block) => block.host)).toEqual([h2.id, h2.id]);
    }
  });

  it('is refused while it has endpoints', () => {
    const it = new World();
    it.host('h1');
    for (const name of ['red', 'blue', 'free']) it.network(name);
    it.endpoint('red', 'h1', 'a');
    it.endpoint('red', 'h1', 'b');
    it.endpoint('blue', 'h1', 'a');
    expect(sentences(it.try({ wish: 'remove-host', host: 'H1' }))).toEqual([
      'conflict',
      'host "H1": still has endpoints or adopted bridges in network red (2) and network blue (1); ' +
        'detach or disown them first or, if that host is gone, run `weft host evict h1`',
    ]);
  });

  it.each([
    [[], 'nope', 'there are none yet: start `weft agent` on a host to register it'],
    [['web-1', 'db-1'], 'web1', 'did you mean web-1?'],
    [['web-1', 'db-1'], 'zzzzzz', 'known: web-1 and db-1'],
    [['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'], 'zzzzzz', 'known: a1, a2, a3, a4, a5 and 2 more'],
  ])('of the absent, with %j there', (names, host, fix) => {
    const it = new World();
    for (const name of names) it.host(name);
    expect(sentences(it.try({ wish: 'remove-host', host }))).toEqual([
      'absent',
      `host "${host}": there is no such host; ${fix}`,
    ]);
  });

  it('lets the name be used again', () => {
    const it = new World();
    const before = it.host('h1');
    it.do({ wish: 'remove-host', host: 'h1' });
    const after: Host = it.host('h1');
    expect(after.id).not.toBe(before.id);
  });
});
