import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lengthOfText } from '#store/journal-file.ts';
import { buildIfStale, type Outcome, outcomeOf, PROGRAM, startCommand, startWeft } from './lab-cli.ts';
import { OneHost, post } from './one-host.ts';

/** Whatever is typed or sent wrongly: a fault that names field, value and fix, an exit code, and nothing changed. */

const TAKEN_PORT = 4790;
/** Holds a UDP port until its standard input ends. */
const HOLD_PORT = `const s=require('node:dgram').createSocket('udp4');s.bind(${TAKEN_PORT},()=>console.log('held'));process.stdin.resume().on('end',()=>s.close())`;

let host: OneHost;
/** The container that is in `web` and fills `tiny`. */
let c1: string;
/** A container that is in nothing. */
let c2: string;
let files: string;

beforeAll(async () => {
  buildIfStale();
  files = mkdtempSync(path.join(tmpdir(), 'weft-bad-input-'));
  host = await OneHost.start((starting) => starting.runBeside(process.execPath, '-e', HOLD_PORT));
  c1 = host.addNamespace('c1');
  c2 = host.addNamespace('c2');
  // As every runtime does; the agent would, and leaves it so.
  execFileSync('ip', ['-n', c2, 'link', 'set', 'lo', 'up']);
  await host.weftOk(
    ...['network', 'create', 'web', '--vni', '5000', '--subnet', '10.1.0.0/16', '--subnet', 'fd00:1::/64'],
  );
  await host.weftOk('network', 'create', 'tiny', '--subnet', '10.9.0.0/30');
  await host.weftOk('endpoint', 'attach', c1, 'web', '--ip', '10.1.0.5', '--name', 'shop');
  await host.weftOk('endpoint', 'attach', c1, 'tiny');
  await host.settled();
});
afterAll(async () => {
  await host?.stop();
  rmSync(files, { recursive: true });
});

/** What people read: the faults as lines. */
function faultsIn(stderr: string): { field: string; value: string; problem: string; fix: string }[] {
  return [...stderr.matchAll(/^error: (\S+) "(.*)": (.+)\n {2}fix: (.+)$/gm)].map(
    ([, field, value, problem, fix]) => ({ field: field!, value: value!, problem: problem!, fix: fix! }),
  );
}

interface Expected {
  readonly code: number;
  readonly field: string;
  /** Absent: the value as it was typed. */
  readonly value?: string;
  readonly problem?: RegExp;
}

/** Runs it, and holds the answer against what is expected and the world against what it was. */
async function expectFault(
  run: () => Promise<Outcome>,
  { code, field, value, problem }: Expected,
): Promise<void> {
  const before = await host.look();
  const outcome = await run();
  expect(outcome.stderr).toMatch(/^error: /);
  const found = faultsIn(outcome.stderr).find((fault) => fault.field === field);
  expect(found, outcome.stderr).toBeDefined();
  if (value !== undefined) expect(found!.value).toBe(value);
  if (problem) expect(found!.problem).toMatch(problem);
  expect(found!.fix.length, found!.fix).toBeGreaterThan(3);
  expect(outcome).toMatchObject({ code, stdout: '' });
  expect(await host.look()).toEqual(before);
}

describe('networks', () => {
  const cases: [title: string, args: string[], expected: Expected][] = [
    ...['10.0.0.0/33', '10.0.0/8', 'banana', '10.5.0.0', '::/129', '010.5.0.0/16', '10.5.0.0/-1', ''].map(
      (cidr): [string, string[], Expected] => [
        `malformed subnet "${cidr}"`,
        ['--subnet', cidr],
        { code: 2, field: 'subnet', value: cidr },
      ],
    ),
    ['host bits set', ['--subnet', '10.5.0.1/16'], { code: 2, field: 'subnet', value: '10.5.0.1/16' }],
    [
      'overlapping subnets',
      ['--subnet', '10.5.0.0/16', '--subnet', '10.5.7.0/24'],
      { code: 2, field: 'subnet', value: '10.5.7.0/24', problem: /overlaps 10\.5\.0\.0\/16/ },
    ],
    [
      'a subnet that a host routes',
      ['--subnet', '10.99.0.0/16'],
      { code: 4, field: 'subnet', problem: /host h1/ },
    ],
    [
      'gateway outside its subnet',
      ['--subnet', '10.5.0.0/16', '--gateway', '10.6.0.1'],
      { code: 2, field: 'gateway', value: '10.6.0.1', problem: /outside/ },
    ],
    [
      'a gateway that is none',
      ['--subnet', '10.5.0.0/16', '--gateway', 'x'],
      { code: 2, field: 'gateway', value: 'x' },
    ],
    ...['0', '16777216'].map((vni): [string, string[], Expected] => [
      `VNI ${vni}`,
      ['--vni', vni],
      { code: 2, field: 'vni', problem: /is not a VNI/ },
    ]),
    ...['abc', '-1', '1.5', '1e9', '0x10'].map((vni): [string, string[], Expected] => [
      `${vni} for a VNI, which is no number of digits`,
      ['--vni', vni],
      { code: 2, field: 'vni', value: vni, problem: /is not a plain number/ },
    ]),
    [
      'a VNI of 23 digits',
      ['--vni', '9'.repeat(23)],
      { code: 2, field: 'vni', value: '9'.repeat(23), problem: /is too large/ },
    ],
    ['a VNI in use', ['--vni', '5000'], { code: 4, field: 'vni', value: '5000', problem: /web/ }],
    [
      'a UDP port in use',
      ['--port', `${TAKEN_PORT}`],
      { code: 4, field: 'port', value: '4790', problem: /h1/ },
    ],
    ...['0', '65536', '47.5'].map((port): [string, string[], Expected] => [
      `UDP port ${port}`,
      ['--port', port],
      { code: 2, field: 'port', value: port },
    ]),
    ['an unknown mode', ['--mode', 'warp'], { code: 2, field: 'mode', value: 'warp' }],
    [
      'a group of another mode',
      ['--group', '239.1.1.1'],
      { code: 2, field: 'group', value: '239.1.1.1', problem: /mode proxy/ },
    ],
    ...['banana', '10.1.0.1', '224.0.0.5', 'ff18::5'].map((group): [string, string[], Expected] => [
      `group ${group}`,
      ['--mode', 'multicast', '--group', group],
      { code: 2, field: 'group', value: group },
    ]),
    ['an unknown underlay', ['--underlay', 'ipx'], { code: 2, field: 'underlay', value: 'ipx' }],
    ['an MTU too small for IPv6', ['--mtu', '68'], { code: 2, field: 'mtu', value: '68' }],
    ['a TTL of 256', ['--ttl', '256'], { code: 2, field: 'ttl', value: '256' }],
  ];
  test.each(cases)('%s', (_, args, expected) =>
    expectFault(() => host.weft('network', 'create', 'new', ...args), expected),
  );

  test.each([
    ['shell words', ';$(){}', ';$(){}'],
    ['a command', '$(touch /tmp/weft-was-here)', undefined],
    ['a newline', 'a\nb', 'a\\u{a}b'],
    ['300 characters', 'n'.repeat(300), undefined],
    ['non-ASCII', 'gewebe-ö', 'gewebe-ö'],
    ['an escape sequence', '\u001b[2Jx', '\\u{1b}[2Jx'],
    ['a text that turns round', 'a\u202eb', 'a\\u{202e}b'],
    ['a path', '../../etc', '../../etc'],
    ['nothing', '', ''],
  ])('a name of %s', async (_, name, value) => {
    await expectFault(() => host.weft('network', 'create', name), { code: 2, field: 'name', value });
    expect(existsSync('/tmp/weft-was-here')).toBe(false);
  });

  test('a name that is taken, whatever the case', () =>
    expectFault(() => host.weft('network', 'create', 'WEB'), { code: 4, field: 'name', value: 'WEB' }));

  test('all faults come at once', async () => {
    const args = ['--vni', '0', '--subnet', '10.5.0.0/33', '--mode', 'warp', '--port', '0'];
    const { stderr } = await host.weft('network', 'create', 'a b', ...args);
    const fields = faultsIn(stderr).map(({ field }) => field);
    expect(fields.sort()).toEqual(['mode', 'name', 'port', 'subnet', 'vni']);
  });

  test('one that is not there, or is in use', async () => {
    await expectFault(() => host.weft('network', 'rm', 'wbe'), { code: 3, field: 'network', value: 'wbe' });
    await expectFault(() => host.weft('network', 'rm', 'web'), {
      code: 4,
      field: 'network',
      problem: /shop/,
    });
  });
});

describe('peers', () => {
  const MAC = '02:00:00:00:00:09';
  beforeAll(() =>
    host.weftOk('network', 'create', 'flat', '--mode', 'static', '--subnet', '10.7.0.0/16', '--vni', '5007'),
  );
  afterAll(() => host.weftOk('network', 'rm', 'flat'));

  const cases: [title: string, args: string[], expected: Expected][] = [
    ['a name with a blank', ['flat', 'a b', '--vtep', '10.99.0.9'], { code: 2, field: 'name', value: 'a b' }],
    [
      'an unknown network',
      ['flta', 'p', '--vtep', '10.99.0.9'],
      { code: 3, field: 'network', value: 'flta' },
    ],
    ['a network that answers ARP itself', ['web', 'p', '--vtep', '10.99.0.9'], { code: 4, field: 'network' }],
    ['no VTEP', ['flat', 'p', '--vtep', 'h9'], { code: 2, field: 'vtep', value: 'h9' }],
    ['a VTEP of the other family', ['flat', 'p', '--vtep', 'fd99::9'], { code: 2, field: 'vtep' }],
    ['a VTEP that never travels', ['flat', 'p', '--vtep', '127.0.0.1'], { code: 2, field: 'vtep' }],
    ['no MAC', ['flat', 'p', '--vtep', '10.99.0.9', '--mac', 'x'], { code: 2, field: 'mac', value: 'x' }],
    [
      'no address behind a MAC',
      ['flat', 'p', '--vtep', '10.99.0.9', '--mac', `${MAC}=x`],
      { code: 2, field: 'ip', value: 'x' },
    ],
    [
      'an address outside',
      ['flat', 'p', '--vtep', '10.99.0.9', '--mac', `${MAC}=10.8.0.1`],
      { code: 2, field: 'ip', value: '10.8.0.1', problem: /outside/ },
    ],
    [
      'a MAC twice',
      ['flat', 'p', '--vtep', '10.99.0.9', '--mac', MAC, '--mac', MAC],
      { code: 4, field: 'mac', value: MAC },
    ],
  ];
  test.each(cases)('add with %s', (_, args, expected) =>
    expectFault(() => host.weft('peer', 'add', ...args), expected),
  );

  test.each([
    ['rm', 'flat', { code: 3, field: 'peer', value: 'nobody' }],
    ['inspect', 'flat', { code: 3, field: 'peer', value: 'nobody' }],
    ['rm', 'flta', { code: 3, field: 'network', value: 'flta' }],
    ['inspect', 'flta', { code: 3, field: 'network', value: 'flta' }],
  ] as [string, string, Expected][])('%s of nobody in %s', (verb, network, expected) =>
    expectFault(() => host.weft('peer', verb, network, 'nobody'), expected),
  );
});

describe('hosts', () => {
  test.each([
    ['host rm', ['host', 'rm', 'h9']],
    ['host inspect', ['host', 'inspect', 'h9']],
    ['endpoint ls', ['endpoint', 'ls', '--host', 'h9']],
  ])('%s of an unknown one', (_, args) =>
    expectFault(() => host.weft(...args), { code: 3, field: 'host', value: 'h9' }),
  );

  test('one that has endpoints', () =>
    expectFault(() => host.weft('host', 'rm', 'h1'), { code: 4, field: 'host', value: 'h1' }));
});

describe('endpoints', () => {
  const attach = (...args: string[]) => host.weft('endpoint', 'attach', ...args);

  test.each<[string, string[], Expected]>([
    [
      '16 characters',
      ['--interface', 'abcdefghijklmnop'],
      { code: 2, field: 'interface', problem: /16 characters/ },
    ],
    ['a slash', ['--interface', 'a/b'], { code: 2, field: 'interface', value: 'a/b' }],
    ['lo', ['--interface', 'lo'], { code: 2, field: 'interface', value: 'lo' }],
  ])('an interface name of %s', (_, args, expected) =>
    expectFault(() => attach(c2, 'web', ...args), expected),
  );

  test.each<[string, string, Expected]>([
    ['taken', '10.1.0.5', { code: 4, field: 'ip', value: '10.1.0.5', problem: /shop/ }],
    ['outside the subnet', '10.2.0.5', { code: 2, field: 'ip', value: '10.2.0.5' }],
    ['outside the IPv6 subnet', 'fd00:2::5', { code: 2, field: 'ip', value: 'fd00:2::5' }],
    ['the gateway', '10.1.0.1', { code: 2, field: 'ip', value: '10.1.0.1' }],
    ['the network itself', '10.1.0.0', { code: 2, field: 'ip', value: '10.1.0.0' }],
    ['broadcast', '10.1.255.255', { code: 2, field: 'ip', value: '10.1.255.255' }],
    ['none', '10.1.0', { code: 2, field: 'ip', value: '10.1.0' }],
  ])('an address that is %s', (_, address, expected) =>
    expectFault(() => attach(c2, 'web', '--ip', address), expected),
  );

  test.each<[string, string[], Expected]>([
    ['a multicast MAC', ['--mac', '01:00:5e:00:00:01'], { code: 2, field: 'mac' }],
    ['a MAC that is none', ['--mac', 'x'], { code: 2, field: 'mac', value: 'x' }],
    ['a hostile name', ['--name', '$(reboot)'], { code: 2, field: 'name', value: '$(reboot)' }],
    ['a hostile alias', ['--alias', 'a\nb'], { code: 2, field: 'alias', value: 'a\\u{a}b' }],
  ])('%s', (_, args, expected) => expectFault(() => attach(c2, 'web', ...args), expected));

  test('a full subnet', () =>
    expectFault(() => attach(c2, 'tiny'), {
      code: 4,
      field: 'subnet',
      value: '10.9.0.0/30',
      problem: /is full/,
    }));

  test('an unknown network', () =>
    expectFault(() => attach(c2, 'nowhere'), { code: 3, field: 'network', value: 'nowhere' }));

  test('an interface that the container has already stays, and the grant is taken back', async () => {
    const c3 = host.addNamespace('c3');
    execFileSync('ip', ['-n', c3, 'link', 'add', 'eth7', 'type', 'bridge']);
    const links = () =>
      execFileSync('ip', ['-n', c3, '-j', '-d', 'link', 'show', 'eth7'], { encoding: 'utf8' });
    const endpoints = () => host.weftOk('endpoint', 'ls', '--json');
    const before = [links(), await endpoints()];
    const { code, stderr } = await attach(c3, 'web', '--interface', 'eth7');
    expect(code).toBe(4);
    expect(faultsIn(stderr)).toMatchObject([
      { field: 'interface', value: 'eth7', problem: expect.stringContaining('cannot be made') },
    ]);
    expect([links(), await endpoints()]).toEqual(before);
    // What is taken back goes behind the answer, and the next test is to find nothing changing.
    await host.settled();
  });

  test.each([
    ['somebody has a tunnel', [], /^cannot be on this host: .* belongs to VXLAN device hand0$/],
    ['somebody has a tunnel elsewhere', ['netns'], /belongs to a VXLAN device in another namespace$/],
  ])('a VNI on whose port %s is named, with who has it', async (_, [netns], problem) => {
    const c4 = host.addNamespace('c4');
    const into = netns ? [netns, c4] : [];
    await host.weftOk('network', 'create', 'hand', '--vni', '4242');
    const hand = ['hand0', ...into, 'type', 'vxlan', 'id', '4242', 'dstport', '4789'];
    execFileSync('ip', ['-n', host.host, 'link', 'add', ...hand]);
    const { code, stderr } = await attach(c4, 'hand');
    expect(code).toBe(4);
    expect(faultsIn(stderr)).toMatchObject([
      { field: 'network', value: 'hand', problem: expect.stringMatching(problem) },
    ]);
    execFileSync('ip', ['-n', netns ? c4 : host.host, 'link', 'del', 'hand0']);
    expect((await attach(c4, 'hand')).code).toBe(0);
    await host.weftOk('endpoint', 'detach', c4);
    await host.weftOk('network', 'rm', 'hand');
    execFileSync('ip', ['netns', 'del', c4]);
    await host.settled();
  });

  test('one that is not there', () =>
    expectFault(() => host.weft('endpoint', 'detach', 'nobody'), {
      code: 3,
      field: 'endpoint',
      value: 'nobody',
    }));
});

describe('namespaces', () => {
  const attach = (namespace: string) => host.weft('endpoint', 'attach', namespace, 'web');
  const invalid = (problem: RegExp, code = 2): Expected => ({ code, field: 'namespace', problem });

  test.each<[string, () => string, Expected]>([
    ['a file', () => make('file', (at) => writeFileSync(at, 'x')), invalid(/is not a namespace/)],
    ['a FIFO', () => make('fifo', (at) => execFileSync('mkfifo', [at])), invalid(/is not a namespace/)],
    ['a directory', () => files, invalid(/is not a namespace/)],
    ['a socket', () => host.agentSocket, invalid(/is not a namespace/)],
    ['a device', () => '/dev/zero', invalid(/is not a namespace/)],
    [
      'a dangling link',
      () => make('dangling', (at) => symlinkSync('/nowhere', at)),
      invalid(/does not exist/, 3),
    ],
    ['a link to itself', () => make('circle', (at) => symlinkSync(at, at)), invalid(/./, 3)],
    ['a mount namespace', () => '/proc/self/ns/mnt', invalid(/not a network namespace/)],
    ['a user namespace', () => `/proc/${process.pid}/ns/user`, invalid(/not a network namespace/)],
    ["the agent's own", () => host.host, invalid(/agent itself/)],
    ["the agent's own by its pid", () => `${host.agent.pid}`, invalid(/agent itself/)],
    ["an overlay's", () => overlay(), invalid(/Weft keeps a network in/)],
    [
      "a link to an overlay's",
      () => make('link', (at) => symlinkSync(`/run/netns/${overlay()}`, at)),
      invalid(/Weft/),
    ],
    ['an unknown name', () => 'nowhere', invalid(/does not exist/, 3)],
    ['a pid that is nobody', () => '4194304', invalid(/does not exist/, 3)],
    ['nothing', () => '', invalid(/is neither/)],
    ['a way up', () => '..', invalid(/is neither/)],
  ])('%s', async (_, namespace, expected) => {
    const text = namespace();
    await expectFault(() => attach(text), { ...expected, value: text });
  });

  test('a link to a good one is fine; detaching leaves everything as it was', async () => {
    const link = make('good', (at) => symlinkSync(`/run/netns/${c2}`, at));
    const { kernel } = await host.look();
    await host.weftOk('endpoint', 'attach', link, 'web', '--name', 'linked');
    expect(execFileSync('ip', ['-n', c2, '-br', 'link'], { encoding: 'utf8' })).toContain('eth0');
    await host.weftOk('endpoint', 'detach', 'linked');
    await host.settled();
    expect((await host.look()).kernel).toEqual(kernel);
  });

  function make(name: string, create: (at: string) => void): string {
    const at = path.join(files, name);
    rmSync(at, { force: true });
    create(at);
    return at;
  }
  const overlay = (): string =>
    readdirSync('/run/netns').find((name) => name.startsWith(host.overlays!) && name.endsWith('-1388'))!;
});

describe('what reaches the sockets', () => {
  const sockets = () => [host.controllerSocket, host.agentSocket];
  const create = '/weft.v1.ControllerService/CreateNetwork';

  test('another API version is refused with the reason', async () => {
    const before = await host.look();
    for (const socket of sockets())
      for (const version of ['99', '0', 'x', '-1', '1; drop'])
        expect(await post(socket, create, '{"name":"new"}', { 'weft-api-version': version })).toMatchObject({
          status: 400,
          body: expect.stringMatching(/speaks API version .*this side takes 1 to 1; upgrade/),
        });
    expect(await host.look()).toEqual(before);
  });

  test('a request of 100 MiB is refused, and costs no memory', async () => {
    const before = await host.look();
    const large = Buffer.alloc(100 << 20, 'x');
    for (const [socket, process] of [
      [host.controllerSocket, host.controller],
      [host.agentSocket, host.agent],
    ] as const) {
      const peak = peakMemoryMib(process.pid!);
      const refused = await post(socket, create, large).catch((error: NodeJS.ErrnoException) => error);
      // Whoever still writes when the answer is there may see the connection end instead.
      if (refused instanceof Error) expect(['ECONNRESET', 'EPIPE']).toContain(refused.code);
      else
        expect(refused).toMatchObject({ status: 429, body: expect.stringContaining('resource_exhausted') });
      expect(peakMemoryMib(process.pid!) - peak).toBeLessThan(50);
    }
    expect(await host.look()).toEqual(before);
    expect(await host.weft('status')).toMatchObject({ code: 0 });
  });

  test.each([
    ['no JSON', '{', {}],
    ['JSON of another shape', '{"name": {"a": 1}}', {}],
    ['an unknown field', '{"nmae": "new"}', {}],
    ['another content type', 'name=new', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('%s', async (_, body, headers) => {
    const before = await host.look();
    for (const socket of sockets()) {
      const { status } = await post(socket, create, body, headers);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    }
    expect(await host.look()).toEqual(before);
  });

  const peakMemoryMib = (pid: number): number =>
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
});

describe('what stands in files', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'weft-files-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const start = (role: string, ...args: string[]) => outcomeOf(startWeft([role, '--root', root, ...args]));
  const configure = (role: string, text: string) => {
    mkdirSync(path.join(root, 'etc/weft'), { recursive: true });
    writeFileSync(path.join(root, 'etc/weft', `${role}.yaml`), text);
  };

  test.each([
    ['controller', 'pool-ipv5: 10.0.0.0/8\n', 'pool-ipv5', /not a known key .*controller\.yaml, line 1/],
    ['agent', 'name: h9\ncontroler: unix:///x\n', 'controler', /not a known key .*agent\.yaml, line 2/],
    ['controller', 'listen: [a\n', 'config', /line \d/],
    ['agent', 'name: a\nname: b\n', 'config', /line 2: /],
    ['agent', 'name: "a b"\n', 'name', /is not a host name .*agent\.yaml, line 1/],
  ])('%s.yaml with %j', async (role, text, field, problem) => {
    configure(role, text);
    const { code, stdout, stderr } = await start(role);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    const fault = faultsIn(stderr).find((one) => one.field === field);
    expect(fault?.problem, stderr).toMatch(problem);
    expect(fault?.fix.length).toBeGreaterThan(3);
    expect(readdirSync(root)).toEqual(['etc']);
  });

  const store = () => path.join(root, 'var/lib/weft/controller/store');
  const journal = () => path.join(store(), 'store.journal');

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['is something else', () => Buffer.alloc(65536, 'junk')],
    [
      'has one bit turned',
      (bytes) => {
        const middle = lengthOfText(bytes) >> 1;
        return bytes.fill(bytes[middle]! ^ 1, middle, middle + 1);
      },
    ],
    ['lost a piece of its middle', (bytes) => Buffer.concat([bytes.subarray(0, 200), bytes.subarray(300)])],
  ])('a store that %s is named, and stays as it is', async (_, spoil) => {
    mkdirSync(store(), { recursive: true });
    const spoilt = spoil(readFileSync(path.join(host.root, 'var/lib/weft/controller/store/store.journal')));
    writeFileSync(journal(), spoilt);
    const { code, stderr } = await start('controller');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*\/store\.journal.*\n {2}fix: .{4}/m);
    expect(readFileSync(journal())).toEqual(spoilt);
  });

  test('a directory where the store has its file', async () => {
    mkdirSync(journal(), { recursive: true });
    const { code, stderr } = await start('controller');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*\/store\.journal.*\n {2}fix: .{4}/m);
  });

  test('a file where the store should be', async () => {
    mkdirSync(path.dirname(store()), { recursive: true });
    writeFileSync(store(), 'a letter');
    const { code, stderr } = await start('controller');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*\/store.*\n {2}fix: .{4}/m);
    expect(readFileSync(store(), 'utf8')).toBe('a letter');
  });

  test('a store that another controller has open', async () => {
    const before = await host.look();
    const { code, stderr } = await host.weft('controller');
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^error: .*held by process ${host.controller.pid}\n {2}fix: `, 'm'));
    expect(await host.look()).toEqual(before);
  });

  test('another agent of this host', async () => {
    const inHost = ['nsenter', `--net=/run/netns/${host.host}`, process.execPath, PROGRAM];
    const agent = ['agent', '--root', root, '--name', 'h9', '--underlay', 'eth0'];
    const { code, stderr } = await outcomeOf(startCommand([...inHost, ...agent]));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .* another agent of this host listens on .*agent\.sock\n {2}fix: .{4}/m);
  });

  describe('an agent that finds out late that it cannot start, ends', () => {
    // It runs what is behind it.
    const OTHER_HOST =
      'ip link add eth0 type veth peer name eth1 && ip addr add 192.0.2.1/24 dev eth0 && ip link set eth0 up && exec "$0" "$@"';
    const startAgent = async (wrap: readonly string[], ...args: readonly string[]) => {
      const agent = ['agent', '--root', root, '--name', 'h9', '--underlay', 'eth0', ...args];
      const inHost = ['unshare', '-n', 'sh', '-c', OTHER_HOST, ...wrap, process.execPath, PROGRAM];
      const { code, stderr } = await outcomeOf(startCommand([...inHost, ...agent]));
      expect(code, stderr).toBe(1);
      expect(existsSync(path.join(root, 'run/weft/agent.sock'))).toBe(false);
      return stderr;
    };

    test('a file where its namespaces should be', async () => {
      const script = 'mount -t tmpfs tmpfs /run && touch /run/netns && exec "$0" "$@"';
      expect(await startAgent(['unshare', '-m', 'sh', '-c', script])).toMatch(
        /^error: cannot watch this host: .*\/run\/netns.*\n {2}fix: .{4}/m,
      );
    });

    test('another program where Docker looks for it', async () => {
      const taken = path.join(root, 'weft.sock');
      const other = createServer().listen(taken);
      await once(other, 'listening');
      expect(await startAgent([], '--docker-plugin', taken)).toMatch(
        /^error: Docker would not find its drivers: .*weft\.sock.*\n {2}fix: .{4}/m,
      );
      other.close();
    });
  });

  test('an underlay that is not there', async () => {
    const { code, stderr } = await start('agent', '--name', 'h9', '--underlay', 'eth9');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^error: underlay "eth9": /m);
  });
});
