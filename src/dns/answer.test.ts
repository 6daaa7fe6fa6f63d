import * as dns from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { World } from '#intent/test-world.ts';
import { seededRandom } from '#model/test-random.ts';
import { answer, encodeFailure, type Transport } from './answer.ts';
import { NameTable } from './name-table.ts';
import type { Asker } from './resolve.ts';

const world = new World();
world.host('h1');
world.host('h2');
const app = world.network('app', { subnets: ['10.1.0.0/24', 'fd01::/64'] });
const my = world.network('My.Net', { subnets: ['10.2.0.0/24'] });
world.network('other', { subnets: ['10.3.0.0/24'] });
const web1 = world.endpoint('app', 'h1', 'c1', { name: 'web', aliases: ['www', 'Front.End'] });
const web2 = world.endpoint('app', 'h2', 'c2', { name: 'Web' });
const db = world.endpoint('My.Net', 'h2', 'c3', { name: 'db' });
const alsoWeb = world.endpoint('My.Net', 'h1', 'c4', { name: 'web' });
world.endpoint('other', 'h1', 'c5', { name: 'secret' });

function tableOf({ snapshot }: World): NameTable {
  const table = new NameTable();
  for (const network of snapshot.networks.values()) table.putNetwork(network);
  for (const endpoint of snapshot.endpoints.values()) table.putEndpoint(endpoint);
  return table;
}

const table = tableOf(world);
const asker = (more: Partial<Asker> = {}): Asker => ({
  table,
  networks: [app.id, my.id],
  isCurrent: true,
  ...more,
});

interface Ask {
  readonly type?: dns.RecordType;
  readonly by?: Partial<Asker>;
  readonly over?: Transport;
  readonly edns?: number;
}

function ask(name: string, { type = 'A', by = {}, over = 'udp', edns }: Ask = {}) {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: edns, flags: 0 } as dns.OptAnswer;
  const query = dns.encode({
    type: 'query',
    id: 4,
    flags: dns.RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals: edns ? [opt] : [],
  });
  const bytes = answer(query, over, asker(by));
  if (typeof bytes === 'string') return bytes;
  const { rcode, answers, questions } = dns.decode(Buffer.from(bytes)) as dns.DecodedPacket & {
    rcode: string;
  };
  expect(questions).toEqual([{ name, type, class: 'IN' }]);
  return [rcode, ...answers!.map((record) => ('data' in record ? record.data : ''))];
}

const ipv4 = (endpoint: { addresses: readonly string[] }) =>
  endpoint.addresses.find((ip) => ip.includes('.'))!;
const ipv6 = (endpoint: { addresses: readonly string[] }) =>
  endpoint.addresses.find((ip) => ip.includes(':'))!;

describe('a name', () => {
  test('means all endpoints of the first network that has it, in each family', () => {
    expect(ask('web')).toEqual(['NOERROR', ipv4(web1), ipv4(web2)]);
    expect(ask('WEB', { type: 'AAAA' })).toEqual(['NOERROR', ipv6(web1), ipv6(web2)]);
    expect(ask('web', { by: { networks: [my.id, app.id] } })).toEqual(['NOERROR', ipv4(alsoWeb)]);
  });

  test.each(['www', 'front.end', 'www.app', 'www.app.weft.internal', 'WWW.APP.Weft.Internal'])(
    'may be an alias, alone, with its network and in full: %s',
    (name) => expect(ask(name)).toEqual(['NOERROR', ipv4(web1)]),
  );

  test('and that of a network may hold dots', () => {
    expect(ask('db.my.net')).toEqual(['NOERROR', ipv4(db)]);
    expect(ask('db.My.Net.weft.internal')).toEqual(['NOERROR', ipv4(db)]);
  });

  test('without an address of the asked family, or asked for anything else, is still a name', () => {
    expect(ask('db', { type: 'AAAA' })).toEqual(['NOERROR']);
    expect(ask('db', { type: 'TXT' })).toEqual(['NOERROR']);
    expect(ask('db', { type: 'MX' })).toEqual(['NOERROR']);
  });

  test('of another network is unknown, as is any that there is not', () => {
    expect(ask('secret')).toBe('forward');
    expect(ask('secret.other.weft.internal')).toEqual(['NXDOMAIN']);
    expect(ask('none.app.weft.internal')).toEqual(['NXDOMAIN']);
    expect(ask('example.org')).toBe('forward');
  });

  test('that this host may only not have heard of does not "not exist"', () => {
    const by = { isCurrent: false };
    expect(ask('none.app.weft.internal', { by })).toEqual(['SERVFAIL']);
    expect(ask('web.app.weft.internal', { by })).toEqual(['NOERROR', ipv4(web1), ipv4(web2)]);
  });

  test.each(['none', 'none.app'])('and may be unknown elsewhere only because it is new here: %s', (name) => {
    expect(ask(name)).toBe('forward');
    expect(ask(name, { by: { isCurrent: false } })).toBe('forward-doubted');
    expect(ask('example.org', { by: { isCurrent: false } })).toBe('forward');
  });

  test.each(['weft.internal', 'app.weft.internal', 'my.net.weft.internal'])(
    'is one that only others are under: %s',
    (name) => {
      expect(ask(name)).toEqual(['NOERROR']);
      expect(ask(name, { by: { isCurrent: false } })).toEqual(['NOERROR']);
      expect(ask(`x${name}`)).not.toEqual(['NOERROR']);
    },
  );

  test('asked for with any type has an address', () => {
    expect(ask('db', { type: 'ANY' as dns.RecordType })).toEqual(['NOERROR', ipv4(db)]);
  });

  test('that no question can ask for is no harm', () => {
    const odd = new NameTable();
    odd.putNetwork(app);
    odd.putEndpoint({ ...web1, name: 'a..b', aliases: ['x'.repeat(64), 'odd'] });
    expect(ask('odd', { by: { table: odd } })).toEqual(['NOERROR', ipv4(web1)]);
    const reverse = `${ipv4(web1).split('.').reverse().join('.')}.in-addr.arpa`;
    expect(ask(reverse, { type: 'PTR', by: { table: odd } })).toEqual(['NOERROR']);
    odd.deleteEndpoint(web1.id);
    expect(ask('odd', { by: { table: odd } })).toBe('forward');
  });

  test('goes and comes with its endpoint', () => {
    const late = world.endpoint('app', 'h1', 'c9', { name: 'late', aliases: ['tardy'] });
    expect(ask('tardy')).toBe('forward');
    table.putEndpoint(late);
    expect(ask('tardy')).toEqual(['NOERROR', ipv4(late)]);
    table.deleteEndpoint(late.id);
    expect(ask('late')).toBe('forward');
    expect(ask('tardy')).toBe('forward');
  });
});

describe('an address', () => {
  const reverse = (ip: string) => `${ip.split('.').reverse().join('.')}.in-addr.arpa`;

  test('has its endpoint’s full name, in both families', () => {
    expect(ask(reverse(ipv4(db)), { type: 'PTR' })).toEqual(['NOERROR', 'db.My.Net.weft.internal']);
    const nibbles = `fd01${'0'.repeat(27)}${ipv6(web1).at(-1)}`;
    expect(ask(`${[...nibbles].reverse().join('.')}.ip6.arpa`, { type: 'PTR' })).toEqual([
      'NOERROR',
      'web.app.weft.internal',
    ]);
  });

  test('that nobody has is unknown in a network’s subnet, and others’ business elsewhere', () => {
    expect(ask(reverse('10.1.0.200'), { type: 'PTR' })).toEqual(['NXDOMAIN']);
    expect(ask(reverse('10.1.0.200'), { type: 'PTR', by: { isCurrent: false } })).toEqual(['SERVFAIL']);
    expect(ask(reverse('192.168.0.1'), { type: 'PTR' })).toBe('forward');
    expect(ask('1.10.in-addr.arpa', { type: 'PTR' })).toBe('forward');
  });
});

test('answers begin with each of several in turn', () => {
  const first = new Set(
    [4, 5].map((id) => {
      const query = dns.encode({ type: 'query', id, questions: [{ name: 'web', type: 'A' }] });
      const { answers } = dns.decode(Buffer.from(answer(query, 'udp', asker()) as Buffer));
      return (answers![0] as dns.StringAnswer).data;
    }),
  );
  expect(first).toEqual(new Set([ipv4(web1), ipv4(web2)]));
});

test('an unknown version of EDNS is told', () => {
  const query = dns.encode({
    type: 'query',
    id: 7,
    questions: [{ name: 'web', type: 'A' }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0 } as dns.OptAnswer],
  });
  query[query.length - 5] = 1;
  const bytes = answer(query, 'udp', asker()) as Buffer;
  const { additionals, answers } = dns.decode(bytes);
  expect([bytes[3]! & 15, (additionals![0] as dns.OptAnswer).extendedRcode, answers]).toEqual([0, 1, []]);
});

test('more than fits is asked for again over TCP; who does not has what fits', () => {
  const many = new World();
  many.host('h1');
  const network = many.network('app', { subnets: ['10.1.0.0/16'] });
  for (let i = 0; i < 100; i++) many.endpoint('app', 'h1', `c${i}`, { name: 'web' });
  const by = { table: tableOf(many), networks: [network.id] };
  for (const [edns, limit, count] of [
    [undefined, 512, 30],
    [4096, 1232, 75],
  ] as const) {
    const additionals = edns && [{ type: 'OPT', name: '.', udpPayloadSize: edns, flags: 0 } as dns.OptAnswer];
    const query = dns.encode({ type: 'query', id: 70, questions: [{ name: 'web', type: 'A' }], additionals });
    const bytes = answer(query, 'udp', asker(by)) as Buffer;
    expect(bytes.length).toBeLessThanOrEqual(limit);
    const { flag_tc, answers } = dns.decode(bytes) as dns.DecodedPacket & { flag_tc: boolean };
    expect([flag_tc, new Set(answers!.map((record) => (record as dns.StringAnswer).data)).size]).toEqual([
      true,
      count,
    ]);
  }
  expect(ask('web', { by, over: 'tcp' })).toHaveLength(101);
});

describe('bytes that are no question', () => {
  const question = dns.encode({ type: 'query', id: 7, questions: [{ name: 'web', type: 'A' }] });
  const withOpt = dns.encode({
    type: 'query',
    id: 7,
    questions: [{ name: 'web', type: 'A' }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0 } as dns.OptAnswer],
  });
  const codeOf = (bytes: Uint8Array | string) => (typeof bytes === 'string' ? bytes : bytes[3]! & 15);

  test('get the error that says so, or nothing', () => {
    expect(answer(question.subarray(0, 11), 'udp', asker())).toBe('drop');
    expect(answer(dns.encode({ type: 'response', id: 7 }), 'udp', asker())).toBe('drop');
    expect(codeOf(answer(question.subarray(0, 14), 'udp', asker()))).toBe(1);
    const update = Buffer.from(question);
    update[2] = 5 << 3;
    expect(codeOf(answer(update, 'udp', asker()))).toBe(4);
  });

  test('never end the process, and every answer is a message', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(round % 2 ? question : withOpt);
      for (let i = 0; i < 4; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const cut = bytes.subarray(0, Math.floor(random() * (bytes.length + 1)));
      for (const reply of [answer(cut, 'udp', asker()), cut.length >= 12 && encodeFailure(cut)])
        if (typeof reply === 'object') expect(dns.decode(reply).type).toBe('response');
    }
  });
});
