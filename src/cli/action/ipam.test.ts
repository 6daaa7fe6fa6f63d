import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type EvictHostRequest,
  type RepairAddressesRequest,
  ReportedStatusSchema,
} from '#api/gen/weft/v1/controller_pb.ts';
import {
  AdoptionSchema,
  BlockSchema,
  EndpointSchema,
  ExposureSchema,
  HostSchema,
  NetworkSchema,
  PublicationSchema,
} from '#api/gen/weft/v1/records_pb.ts';
import { createTestHost, runForTest, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

const id = (last: string) => `01J${last.padStart(23, '0')}`;
const h1 = create(HostSchema, { id: id('A1'), name: 'h1', epoch: 1, underlay: ['10.99.0.1'], facts: {} });
const h2 = create(HostSchema, { ...h1, id: id('A2'), name: 'h2', epoch: 2, underlay: ['10.99.0.2'] });
const web = create(NetworkSchema, {
  id: id('C'),
  name: 'web',
  vni: 1_048_576,
  port: 4789,
  mode: 'proxy',
  underlay: 'ipv4',
  mtu: 1450,
  ttl: 64,
  subnets: [
    { cidr: '10.1.0.0/28', gateway: '10.1.0.1' },
    { cidr: 'fd00:1::/64', gateway: 'fd00:1::1' },
  ],
});
const endpoint = (number: number, more: MessageInitShape<typeof EndpointSchema> = {}) =>
  create(EndpointSchema, {
    id: id(`E${number}`),
    network: web.id,
    host: h1.id,
    runtime: 'netns',
    containerId: `c${number}`,
    interface: 'eth0',
    name: `c${number}`,
    mac: `02:00:00:00:00:0${number}`,
    addresses: [`10.1.0.${number}`, `fd00:1::${number}`],
    generation: 1,
    ...more,
  });
const block = (last: string, more: MessageInitShape<typeof BlockSchema>) =>
  create(BlockSchema, { id: id(`B${last}`), network: web.id, host: h1.id, epoch: 1, ...more });

const guest = endpoint(3, { name: 'guest', host: h2.id });
const blocks = [
  block('1', { cidr: '10.1.0.0/30', except: ['10.1.0.3'] }),
  block('2', { cidr: 'fd00:1::/112' }),
  block('3', { cidr: '10.1.0.4/30', host: h2.id, retired: 17 }),
];

const serve = (
  all: { endpoints?: object[]; outside?: object[]; applied?: bigint; connected?: boolean } = {},
  more: object = {},
) =>
  host.serve('agent', {
    controller: {
      listRecords: () => ({
        revision: 20n,
        records: [
          ...[h1, h2].map((value) => ({ record: { case: 'host' as const, value } })),
          { record: { case: 'network' as const, value: web } },
          ...blocks.map((value) => ({ record: { case: 'block' as const, value } })),
          ...((all.endpoints ?? [endpoint(2), guest]) as never[]).map((value) => ({
            record: { case: 'endpoint' as const, value },
          })),
          ...((all.outside ?? []) as never[]).map((record) => ({ record })),
        ],
      }),
      listHostStatus: () => ({
        revision: 20n,
        hosts: [h1, h2].map((one) =>
          create(ReportedStatusSchema, {
            connected: all.connected ?? true,
            status: { host: one.id, appliedRevision: all.applied ?? 20n, headRevision: 20n },
          }),
        ),
        notices: [{ code: 'subnet-filling', title: 'A subnet fills up', sentence: 'Look.', next: 'act' }],
      }),
      ...more,
    },
  });

describe('ipam ls', () => {
  test('shows subnets with their use, blocks with theirs, and what is kept out of them', async () => {
    await serve({ applied: 16n });
    const { code, stdout, stderr } = await host.run('ipam', 'ls');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(
      [
        'NETWORK  SUBNET       GATEWAY     SIZE  USED   FREE   USE  FREE BLOCKS',
        'web      10.1.0.0/28  10.1.0.1      13     2     11  15 %            2',
        'web      fd00:1::/64  fd00:1::1  ~2^64     2  ~2^64   0 %        ~2^48',
        '',
        'Blocks',
        'NETWORK  BLOCK         HOST     USED  STATE                                          KEPT OUT OF IT',
        'web      10.1.0.0/30   h1        2/2  in use                                         10.1.0.3 (guest on h2)',
        'web      10.1.0.4/30   h2        0/4  resting until h1, h2 have applied revision 17  -',
        'web      fd00:1::/112  h1    2/65534  in use                                         -',
        '',
      ].join('\n'),
    );
  });

  test('says that a block goes back soon when all have taken note', async () => {
    await serve();
    expect((await host.run('ipam', 'ls', 'WEB')).stdout).toContain('resting, free in a moment');
  });

  test('tells of a subnet that runs out, and so does network inspect', async () => {
    await serve({
      endpoints: Array.from({ length: 11 }, (_, i) => endpoint(i + 2, { mac: `02:00:00:00:00:${10 + i}` })),
    });
    const note =
      /note: A subnet fills up: In network web 11 of 13 addresses of 10\.1\.0\.0\/28 are used \(84 %\)\. \[subnet-filling\]/;
    expect((await host.run('ipam', 'ls', 'web')).stderr).toMatch(note);
    expect((await host.run('network', 'inspect', 'web')).stderr).toMatch(note);
    const { stdout } = await host.run('network', 'inspect', 'web', '--json');
    expect(JSON.parse(stdout).notices).toMatchObject([{ code: 'subnet-filling' }]);
  });

  test('as data has every figure', async () => {
    await serve({ applied: 17n });
    const { stdout } = await host.run('ipam', 'ls', '--json');
    const [{ network, subnets, notices }] = JSON.parse(stdout);
    expect([network, notices]).toEqual(['web', []]);
    expect(subnets).toMatchObject([
      {
        cidr: '10.1.0.0/28',
        size: '13',
        used: '2',
        free: '11',
        percent: 15,
        freeBlocks: '2',
        blocks: [
          {
            cidr: '10.1.0.0/30',
            host: 'h1',
            used: '2',
            size: '2',
            retired: '0',
            except: [{ address: '10.1.0.3', endpoint: guest.id, name: 'guest', host: 'h2' }],
          },
          { cidr: '10.1.0.4/30', host: 'h2', retired: '17', state: 'resting, free in a moment' },
        ],
      },
      { cidr: 'fd00:1::/64', size: '18446744073709551614', blocks: [{ cidr: 'fd00:1::/112' }] },
    ]);
  });

  test('of an unknown network ends with 3', async () => {
    await serve();
    expect(await host.run('ipam', 'ls', 'wab')).toMatchObject({ code: 3, stdout: '' });
  });
});

describe('ipam audit', () => {
  const twice = { code: 'address-twice', sentence: 'Two have one.', repair: '', next: 'detach one' };
  const unheld = { code: 'unheld-exception', sentence: 'Nobody holds it.', repair: 'give it back', next: '' };

  /** A controller whose repair puts right what can be. */
  async function serveAudit(...found: (typeof twice)[]): Promise<RepairAddressesRequest[]> {
    const asked: RepairAddressesRequest[] = [];
    let findings = found;
    await serve(
      {},
      {
        auditAddresses: () => ({ revision: 1n, findings }),
        repairAddresses: (request: RepairAddressesRequest) => {
          asked.push(request);
          if (!request.dryRun) findings = findings.filter(({ repair }) => repair === '');
          return { plans: [{ host: 'h1', steps: [{ commands: ['ip x'], reason: 'r' }] }] };
        },
      },
    );
    return asked;
  }
  const audit = (...args: string[]) => host.run('ipam', 'audit', ...args);

  test('of sound records is 0', async () => {
    await serveAudit();
    expect(await audit()).toEqual({
      code: 0,
      stdout: 'The records of all addresses are sound.\n',
      stderr: '',
    });
  });

  test('says what it found, what a repair would do, and ends with 6', async () => {
    const asked = await serveAudit(twice, unheld);
    const { code, stdout } = await audit();
    expect(code).toBe(6);
    expect(stdout).toBe(
      'finding: Two have one. [address-twice]\n  next: detach one\n' +
        'finding: Nobody holds it. [unheld-exception]\n  repair: give it back\n' +
        '2 findings; 1 of them weft ipam audit --repair can put right.\n',
    );
    expect(asked).toEqual([]);
  });

  test('repairs what it can, and ends with 6 while something remains', async () => {
    await serveAudit(twice, unheld);
    const { code, stdout } = await audit('--repair');
    expect(code).toBe(6);
    expect(stdout).toContain('repaired: Nobody holds it. [unheld-exception]\n  done: give it back\n');
    expect(stdout).toContain('1 repaired. 1 finding.\n');
  });

  test('repairs all, and ends with 0', async () => {
    await serveAudit(unheld);
    const { code, stdout } = await audit('--repair');
    expect([code, stdout.split('\n').at(-2)]).toEqual([
      0,
      '1 repaired. The records of all addresses are sound.',
    ]);
  });

  test('asks for no repair when there is nothing that one could do', async () => {
    const asked = await serveAudit(twice);
    expect(await audit('--repair')).toMatchObject({ code: 6 });
    expect(asked).toEqual([]);
  });

  test('a dry run shows the plan and changes nothing', async () => {
    const asked = await serveAudit(unheld);
    const { code, stdout } = await audit('--repair', '--dry-run');
    expect(code).toBe(6);
    expect(stdout).toContain('ip x');
    expect(asked).toMatchObject([{ dryRun: true }]);
    const [plan] = JSON.parse((await audit('--repair', '--dry-run', '--json')).stdout).plans;
    expect(Object.keys(plan.steps[0])).toEqual(['commands', 'reason']);
  });

  test('as data', async () => {
    await serveAudit(twice, unheld);
    const { code, stdout } = await audit('--repair', '--json');
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({ revision: '1', findings: [twice], repaired: [unheld] });
  });
});

describe('host evict', () => {
  async function serveEvict(...outside: object[]): Promise<EvictHostRequest[]> {
    const asked: EvictHostRequest[] = [];
    await serve(
      { outside },
      {
        evictHost: (request: EvictHostRequest) => {
          asked.push(request);
          const notice = { code: 'host-evicted', title: 'The host is out', sentence: 'S.', next: 'N' };
          return { notices: [notice], plans: [{ host: 'h2', steps: [{ commands: ['ip x'], reason: 'r' }] }] };
        },
      },
    );
    return asked;
  }

  test('says what the host would lose, and does nothing where nobody can be asked', async () => {
    const asked = await serveEvict();
    const { code, stderr } = await host.run('host', 'evict', 'h1');
    expect(code).toBe(2);
    expect(stderr).toBe(
      'error: host h1 would lose 1 endpoint and 2 blocks, and its agent is connected\n' +
        '  fix: say --yes to do it; --dry-run lists what would be lost\n',
    );
    expect(asked).toEqual([]);
  });

  test.each([
    [true, 0],
    [false, 2],
  ])('asks first; answered %s it ends with %i', async (answer, code) => {
    const asked = await serveEvict();
    const questions: string[] = [];
    const confirm = async (question: string) => {
      questions.push(question);
      return answer;
    };
    const world = { env: { WEFT_ROOT: host.root }, confirm };
    const run = await runForTest(['host', 'evict', 'h1'], world);
    expect(run.code).toBe(code);
    expect(run.stderr.split('\n').slice(0, 3)).toEqual([
      'host h1 would lose 1 endpoint: c2 in web (10.1.0.2, fd00:1::2)',
      expect.stringMatching(/^and 2 blocks: 10.1.0.0\/30 of web, fd00:1::\/112 of web, to rest until/),
      'its agent is connected: containers that run there are cut off at once',
    ]);
    expect(questions).toEqual(['Evict host h1?']);
    expect(asked).toHaveLength(answer ? 1 : 0);
  });

  test('with --yes is done, and told', async () => {
    const asked = await serveEvict();
    const { code, stdout, stderr } = await host.run('host', 'evict', 'h2', '--yes');
    expect([code, stdout]).toEqual([0, 'host h2 evicted\n']);
    expect(stderr).toContain('[host-evicted]');
    expect(asked).toMatchObject([{ host: 'h2', dryRun: false }]);
  });

  test('a dry run shows losses and plans', async () => {
    const asked = await serveEvict();
    const { code, stdout } = await host.run('host', 'evict', 'h2', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toContain('1 endpoint: guest in web');
    // The block that rests already is lost already.
    expect(stdout).not.toContain('block');
    expect(stdout).toContain('ip x');
    expect(asked).toMatchObject([{ dryRun: true }]);
  });

  test('says which adopted bridges, exposed networks and published ports go, too', async () => {
    const on = { network: web.id, host: h1.id };
    const asked = await serveEvict(
      { case: 'adoption', value: create(AdoptionSchema, { ...on, id: id('F1'), bridge: 'br-1' }) },
      { case: 'exposure', value: create(ExposureSchema, { ...on, id: id('F2') }) },
      {
        case: 'publication',
        value: create(PublicationSchema, {
          ...{ ...on, id: id('F3'), endpoint: id('E2') },
          ...{ protocol: 'tcp', hostPort: 8080, port: 80 },
        }),
      },
    );
    const { stdout } = await host.run('host', 'evict', 'h1', '--dry-run');
    expect(stdout).toContain(
      'and 1 adopted bridge: br-1 of web\nand 1 exposed network: web\nand 1 published port: 8080/tcp of c2 in web\n',
    );
    const { stderr } = await host.run('host', 'evict', 'h1');
    expect(stderr).toContain(
      'would lose 1 endpoint, 2 blocks, 1 adopted bridge, 1 exposed network and 1 published port, and its agent',
    );
    expect((await host.run('host', 'evict', 'h2', '--dry-run')).stdout).not.toMatch(
      /adopted|exposed|published/,
    );
    expect(asked).toMatchObject([{ dryRun: true }, { dryRun: true }]);
  });

  test('of an unknown one ends with 3', async () => {
    await serveEvict();
    expect(await host.run('host', 'evict', 'h9', '--yes')).toMatchObject({ code: 3 });
  });
});

test('host ls and inspect tell of epochs and blocks, and of those that rest', async () => {
  await serve({ applied: 16n });
  const { stdout } = await host.run('host', 'ls');
  expect(stdout).toMatch(/^h1 +connected +10\.99\.0\.1 +- +1 +2 +1 +-$/m);
  expect(stdout).toMatch(/^h2 +connected +10\.99\.0\.2 +- +2 +0 \(1 rests\) +1 +-$/m);
  expect(JSON.parse((await host.run('host', 'ls', '--json')).stdout)).toMatchObject([
    { name: 'h1', agent: 'connected', connected: true, blocks: 2, restingBlocks: 0, endpoints: 1 },
    { name: 'h2', agent: 'connected', connected: true, blocks: 0, restingBlocks: 1, endpoints: 1 },
  ]);
  const inspected = (await host.run('host', 'inspect', 'h2')).stdout;
  expect(inspected).toContain('2: evicted once');
  expect(inspected).toContain(
    '10.1.0.4/30 of web, 0 of 4 used, resting until h1, h2 have applied revision 17',
  );
  expect((await host.run('host', 'inspect', 'h1')).stdout).toContain(
    '10.1.0.0/30 of web, 2 of 2 used, in use',
  );
});

test('status tells of addresses that run out; no host is ill by it', async () => {
  await serve();
  const { code, stdout, stderr } = await host.run('status');
  expect([code, stderr]).toEqual([0, 'note: A subnet fills up: Look. [subnet-filling]\n  next: act\n']);
  expect(stdout).toContain('All 2 hosts are as wished');
  const json = await host.run('status', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ well: true, notices: [{ code: 'subnet-filling' }] });
});
