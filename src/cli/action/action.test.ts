import path from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AttachRequest, DetachRequest } from '#api/gen/weft/v1/agent_pb.ts';
import { type CreateNetworkRequest, ReportedStatusSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { EndpointSchema, HostSchema, NetworkSchema } from '#api/gen/weft/v1/records_pb.ts';
import { createTestHost, runForTest, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

const h1 = create(HostSchema, {
  id: '01J0000000000000000000000A',
  name: 'h1',
  underlay: ['10.99.0.1', 'fd99::1'],
  labels: { zone: 'a' },
  facts: { underlayMtu: 1500 },
});
const h2 = create(HostSchema, {
  ...h1,
  id: '01J0000000000000000000000B',
  name: 'h2',
  underlay: ['10.99.0.2'],
});
const web = create(NetworkSchema, {
  id: '01J0000000000000000000000C',
  name: 'web',
  vni: 1_048_576,
  port: 4789,
  mode: 'proxy',
  underlay: 'ipv4',
  mtu: 1450,
  ttl: 64,
  subnets: [
    { cidr: '10.128.0.0/20', gateway: '10.128.0.1' },
    { cidr: 'fd00:1::/64', gateway: 'fd00:1::1' },
  ],
});
const shop = create(EndpointSchema, {
  id: '01J0000000000000000000000D',
  network: web.id,
  host: h1.id,
  runtime: 'netns',
  containerId: 'c1',
  interface: 'eth0',
  name: 'shop',
  aliases: ['front'],
  mac: '02:00:00:00:00:01',
  addresses: ['10.128.0.5', 'fd00:1::5'],
  generation: 1,
});
const cart = create(EndpointSchema, {
  ...{ ...shop, id: '01J0000000000000000000000E', host: h2.id, name: 'cart' },
  ...{ runtime: 'docker', containerId: 'c'.repeat(64), image: 'nginx:1' },
});

const records = {
  revision: 7n,
  records: [
    { record: { case: 'host' as const, value: h2 } },
    { record: { case: 'host' as const, value: h1 } },
    { record: { case: 'network' as const, value: web } },
    { record: { case: 'endpoint' as const, value: shop } },
    { record: { case: 'endpoint' as const, value: cart } },
  ],
};

const reported = (status: object, connected = true) =>
  create(ReportedStatusSchema, {
    connected,
    reportedAtMs: BigInt(Date.now() - 90_000),
    status: { appliedRevision: 7n, headRevision: 7n, networks: 1, endpoints: 1, ...status },
  });

const serveRecords = (...hosts: ReturnType<typeof reported>[]) =>
  host.serve('agent', {
    controller: { listRecords: () => records, listHostStatus: () => ({ revision: 7n, hosts }) },
  });

describe('network', () => {
  test('create sends the words as they were typed, hostile ones too', async () => {
    let seen: CreateNetworkRequest | undefined;
    await host.serve('agent', {
      controller: {
        createNetwork: (request) => {
          seen = request;
          return { revision: 1n, subject: { record: { case: 'network', value: web } } };
        },
      },
    });
    const name = '$(reboot);\n"ö';
    const words =
      '--subnet 10.1.0.0/33 --subnet fd00::/8 --gateway x --vni 99999999 --port 70000 --mode warp';
    const flags = [...words.split(' '), '--allow-overlap'];
    const run = await host.run('network', 'create', name, ...flags);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toBe(
      'network web made: proxy, vni 1048576, port 4789, mtu 1450, 10.128.0.0/20, fd00:1::/64\n',
    );
    expect(seen).toMatchObject({
      name,
      vni: 99_999_999,
      port: 70_000,
      mode: 'warp',
      allowOverlap: true,
      dryRun: false,
    });
    expect(seen).toMatchObject({ subnets: ['10.1.0.0/33', 'fd00::/8'], gateways: ['x'] });
    expect([seen?.mtu, seen?.ttl, seen?.underlay]).toEqual([undefined, undefined, undefined]);
  });

  test('a dry run reads as a shell script; notices go to stderr', async () => {
    const steps = [
      { commands: ['ip netns add weft-x', 'ip -n weft-x link add br0 type bridge'], reason: 'for web' },
    ];
    await host.serve('agent', {
      controller: {
        createNetwork: ({ dryRun }) => ({
          subject: { record: { case: 'network', value: web } },
          notices: [{ code: 'mtu-low', title: 'Low MTU', sentence: 'It is 900.', next: 'raise it' }],
          plans: dryRun ? [{ host: 'h1', steps }] : [],
        }),
      },
    });
    const { stdout, stderr } = await host.run('network', 'create', 'web', '--dry-run');
    expect(stdout).toContain('network web would be made');
    expect(stdout).toContain(
      '# h1: 2 commands\n# for web\nip netns add weft-x\nip -n weft-x link add br0 type bridge\n',
    );
    expect(stderr).toBe('note: Low MTU: It is 900. [mtu-low]\n  next: raise it\n');
  });

  test('ls counts hosts and endpoints; --json has the fields of the schema', async () => {
    await serveRecords();
    expect((await host.run('network', 'ls')).stdout).toBe(
      [
        'NAME  MODE       VNI  PORT   MTU  HOSTS  ENDPOINTS  SUBNETS',
        'web   proxy  1048576  4789  1450      2          2  10.128.0.0/20, fd00:1::/64',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await host.run('network', 'ls', '--json')).stdout);
    expect(json).toMatchObject([{ name: 'web', vni: 1_048_576, subnets: [{ cidr: '10.128.0.0/20' }, {}] }]);
  });

  test('inspect shows members with the VTEP of the right family', async () => {
    await serveRecords();
    const { stdout } = await host.run('network', 'inspect', 'WEB');
    expect(stdout).toContain('1048576 (0x100000)');
    expect(stdout).toMatch(/h1 +10\.99\.0\.1 /);
    expect(stdout).not.toContain('fd99::1');
    expect(stdout).toMatch(/shop +h1 +eth0 +02:00:00:00:00:01 +10\.128\.0\.5, fd00:1::5/);
  });

  test('an unknown one ends with 3, and says what is near', async () => {
    await serveRecords();
    expect(await host.run('network', 'inspect', 'wab')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'error: network "wab": there is no such network\n  fix: did you mean web?\n',
    });
  });
});

describe('host', () => {
  test('ls says whose agent is away, and since when', async () => {
    await serveRecords(reported({ host: h1.id }), reported({ host: h2.id }, false));
    const { stdout } = await host.run('host', 'ls');
    expect(stdout).toMatch(/^h1 +connected +10\.99\.0\.1, fd99::1 +1500 +0 +0 +1 +zone=a$/m);
    expect(stdout).toMatch(/^h2 +away 1 min/m);
  });
});

describe('endpoint', () => {
  test('attach sends a relative path as an absolute one, names and pids as they are', async () => {
    const seen: AttachRequest[] = [];
    await host.serve('agent', {
      agent: {
        attach: (request) => {
          seen.push(request);
          return { endpoint: shop, network: web };
        },
      },
    });
    for (const namespace of ['c1', '4711', './ns/c1', '/proc/1/ns/net'])
      expect(await host.run('endpoint', 'attach', namespace, 'web')).toMatchObject({ code: 0 });
    expect(seen.map(({ namespace }) => namespace)).toEqual([
      'c1',
      '4711',
      path.resolve('ns/c1'),
      '/proc/1/ns/net',
    ]);
    const flags = [
      '--interface',
      'eth9',
      '--ip',
      '10.128.0.5',
      '--ip',
      'fd00:1::5',
      '--mac',
      'm',
      '--alias',
      'a',
    ];
    const { stdout } = await host.run(
      'endpoint',
      'attach',
      'c1',
      'web',
      ...flags,
      '--alias',
      'b',
      '--name',
      'shop',
    );
    expect(seen.at(-1)).toMatchObject({
      interface: 'eth9',
      addresses: ['10.128.0.5', 'fd00:1::5'],
      mac: 'm',
    });
    expect(seen.at(-1)).toMatchObject({ aliases: ['a', 'b'], name: 'shop', network: 'web' });
    expect(stdout).toContain('c1 is in web as shop');
    expect(stdout).toMatch(/addresses +10\.128\.0\.5\/20\n +fd00:1::5\/64\n/);
  });

  test('detach by name, or all of a namespace', async () => {
    const seen: DetachRequest[] = [];
    await host.serve('agent', {
      agent: {
        detach: (request) => {
          seen.push(request);
          return { endpoints: request.namespace ? [] : [shop] };
        },
      },
    });
    expect((await host.run('endpoint', 'detach', 'shop')).stdout).toBe(
      'shop (10.128.0.5, fd00:1::5) detached\n',
    );
    expect((await host.run('endpoint', 'detach', '--namespace', 'c1')).stdout).toBe('nothing was attached\n');
    expect(seen).toMatchObject([{ endpoint: 'shop' }, { endpoint: '', namespace: 'c1' }]);
  });

  test('ls filters by network and host, by name', async () => {
    await serveRecords();
    const all = await host.run('endpoint', 'ls', '--network', 'web');
    expect(all.stdout.split('\n')).toHaveLength(4);
    expect(all.stdout).toMatch(/^cart +web +1048576 +proxy +h2 +10\.99\.0\.2 +c{12} +nginx:1 +eth0 +10\./m);
    const one = await host.run('endpoint', 'ls', '--host', 'h2', '--json');
    expect(JSON.parse(one.stdout)).toMatchObject([{ name: 'cart' }]);
    expect(await host.run('endpoint', 'ls', '--host', 'h9')).toMatchObject({ code: 3 });
  });

  test.each(['shop', 'FRONT', '10.128.0.5', '02:00:00:00:00:01', shop.id])(
    'inspect finds it by %s',
    async (word) => {
      await serveRecords();
      const { stdout } = await host.run('endpoint', 'inspect', word);
      expect(stdout).toContain('Endpoint shop');
      expect(stdout).toContain('h1, VTEP 10.99.0.1');
      expect(stdout).toContain('web, VNI 1048576, mode proxy');
    },
  );

  test('inspect says what was dropped at its port', async () => {
    const refused = [shop, cart].map(({ id }) => ({ endpoint: id, kind: 'arp', count: 3n }));
    await serveRecords(reported({ host: h1.id, refused }));
    const { stdout } = await host.run('endpoint', 'inspect', 'shop');
    expect(stdout).toMatch(/dropped +3 frames with a forged ARP\n/);
    const { stdout: json } = await host.run('endpoint', 'inspect', 'shop', '--json');
    expect(JSON.parse(json)).toMatchObject([{ refused: [{ endpoint: shop.id, count: '3' }] }]);
  });
});

describe('status', () => {
  test('all well is 0', async () => {
    await serveRecords(reported({ host: h1.id }), reported({ host: h2.id }));
    const { code, stdout } = await host.run('status');
    expect(code).toBe(0);
    expect(stdout).toContain('All 2 hosts are as wished at revision 7.');
  });

  test.each([
    ['away', [reported({ host: h1.id }), reported({ host: h2.id }, false)], /h2 +away 1 min/],
    ['unheard', [reported({ host: h1.id })], /h2 +not heard of yet/],
    [
      'silent',
      [reported({ host: h1.id }), { ...reported({ host: h2.id }), silentMs: 25_900n }],
      /h2 +silent 25 s/,
    ],
    [
      'lag',
      [reported({ host: h1.id }), reported({ host: h2.id, appliedRevision: 4n })],
      /h2 +connected +4\/7 +3 /,
    ],
    [
      'drift',
      [reported({ host: h1.id }), reported({ host: h2.id, drift: [{ kind: 'fdb', missing: 2, extra: 1 }] })],
      /drift +fdb: 2 missing, 1 extra/,
    ],
    [
      'failing',
      [
        reported({ host: h1.id }),
        reported({ host: h2.id, failing: [{ command: 'ip link', errno: 'EPERM', text: 'no' }] }),
      ],
      /failing +ip link\n +no \(EPERM\)/,
    ],
    [
      'notices',
      [
        reported({ host: h1.id }),
        reported({ host: h2.id, notices: [{ code: 'c', title: 'T', sentence: 'S.', next: 'n' }] }),
      ],
      /notice +T: S\. \[c\]\n +next: n/,
    ],
  ])('%s is 6, and says where and what', async (_, hosts, shown) => {
    await serveRecords(...hosts);
    const { code, stdout } = await host.run('status');
    expect(code).toBe(6);
    expect(stdout).toMatch(shown);
    expect(stdout).toContain('1 of 2 hosts needs a look: h2.');
    const json = await host.run('status', '--json');
    expect(json.code).toBe(6);
    expect(JSON.parse(json.stdout)).toMatchObject({
      well: false,
      hosts: [{ name: 'h1', well: true }, { well: false }],
    });
  });

  test('with the controller away, the agent tells of its own host', async () => {
    const away = () => {
      throw new ConnectError('the agent cannot reach the controller', Code.Unavailable);
    };
    await host.serve('agent', {
      controller: { listRecords: away, listHostStatus: away },
      agent: {
        status: () => ({ hostName: 'h1', connected: false, status: reported({ host: h1.id }).status }),
      },
    });
    const { code, stdout } = await host.run('status');
    expect(code).toBe(6);
    expect(stdout).toMatch(/^h1 +cut off /m);
    expect(stdout).toContain('Only this host is shown.');
  });
});

test('plan: nothing to do says so', async () => {
  await host.serve('agent', { agent: { plan: () => ({ plan: { host: 'h1', steps: [] } }) } });
  expect((await host.run('plan')).stdout).toBe('# h1: nothing to do\n');
});

test('reset: done when it is confirmed by --yes', async () => {
  let resets = 0;
  await host.serve('agent', {
    agent: {
      reset: ({ dryRun }) => {
        if (!dryRun) resets++;
        return { plan: { host: 'h1', steps: [{ commands: ['ip netns del weft-x'], reason: 'reset' }] } };
      },
    },
  });
  expect((await host.run('agent', 'reset', '--dry-run')).stdout).toContain('ip netns del weft-x');
  expect(resets).toBe(0);
  expect(await host.run('agent', 'reset', '--yes')).toMatchObject({ code: 0 });
  expect(resets).toBe(1);
});

test('reset with no agent running is done from here', async () => {
  const done: [string, boolean][] = [];
  const resetHost = async (root: string, dryRun: boolean) => {
    done.push([root, dryRun]);
    return [{ commands: ['ip netns del weft-x'], reason: 'reset' }];
  };
  const world = { env: { WEFT_ROOT: host.root }, resetHost };
  const dry = await runForTest(['agent', 'reset', '--dry-run'], world);
  expect(dry.stdout).toContain('ip netns del weft-x');
  const reset = await runForTest(['agent', 'reset', '--yes'], world);
  expect(reset).toMatchObject({ code: 0, stderr: expect.stringContaining('[reset-untold]') });
  expect(reset.stderr).toContain('weft host evict HOST, then weft host rm HOST');
  const asked = await runForTest(['agent', 'reset', '--yes', '--json'], world);
  expect(JSON.parse(asked.stdout)).toMatchObject({ notices: [{ code: 'reset-untold' }] });
  expect(done).toEqual([
    [host.root, true],
    [host.root, false],
    [host.root, false],
  ]);
});
