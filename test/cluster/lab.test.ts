import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DemoReport } from '#lab/demo/report.ts';
import {
  buildIfStale,
  demo,
  kernelJson,
  outcomeOf,
  readTraces,
  startWeft,
  type Traces,
  weft,
  weftOk,
} from './lab-cli.ts';

const NAME = 'labtest';
const NAMED = ['--name', NAME];
const SMALL = [...NAMED, '--hosts', '2', '--containers', '1', '--networks', '1'];

let before: Traces;
beforeAll(buildIfStale);
beforeEach(() => {
  before = readTraces();
});
afterEach(async () => {
  await weftOk(['lab', 'down', ...NAMED]);
  await expectNothingLeft();
});

/** The kernel takes the last devices of a namespace away shortly after its name. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(readTraces, { timeout: 3_000 }).toEqual(before);
}

test('up makes hosts, networks and containers; up again leaves them alone; another shape is refused', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  const namespaces = readTraces().namespaces.filter((name) => !before.namespaces.includes(name));
  const overlays = namespaces.filter((name) => name.startsWith('weft-'));
  expect(namespaces.filter((name) => !overlays.includes(name))).toEqual(
    ['-fabric', '-h1', '-h1-c1', '-h2', '-h2-c1'].map((suffix) => NAME + suffix),
  );
  expect(overlays).toHaveLength(2);
  const inside = readTraces();

  expect(await weftOk(['lab', 'up', ...SMALL])).toContain('up already');
  expect(await weftOk(['lab', 'up', ...NAMED])).toContain('up already');
  expect(readTraces()).toEqual(inside);

  const refused = await weft(['lab', 'up', ...NAMED, '--hosts', '4']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('weft lab down');
  expect(readTraces()).toEqual(inside);
});

test('down removes a process that was left running inside, and is fine twice', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  await weftOk(['lab', 'exec', ...NAMED, 'h1/c1', '--', 'sh', '-c', 'sleep 1000 >/dev/null 2>&1 &']);
  expect((await weft(['lab', 'down', ...NAMED])).code).toBe(0);
  await expectNothingLeft();
  const again = await weft(['lab', 'down', ...NAMED]);
  expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('nothing to remove')]);
});

// Around what each step is busy with: namespaces, daemons, networks, containers.
test.each([30, 150, 400, 700, 1_000, 1_500])(
  'killed %i ms after its start, up leaves what the next up removes first',
  async (ms) => {
    const crashed = startWeft(['lab', 'up', ...SMALL]);
    const ended = outcomeOf(crashed);
    await sleep(ms);
    process.kill(-crashed.pid!, 'SIGKILL');
    await ended;
    const report = await demo(NAME, ...SMALL.slice(2));
    expect(report.verdict).toMatchObject({ ok: true, unreached: 0 });
    expect(readTraces().namespaces.filter((name) => name.startsWith('weft-'))).toHaveLength(
      before.namespaces.filter((name) => name.startsWith('weft-')).length + 2,
    );
  },
);

test.each([50, 200, 500, 800, 1_200, 2_000])(
  'Ctrl-C %i ms after the start of the demo removes everything',
  async (ms) => {
    const child = startWeft(['lab', 'demo', ...SMALL]);
    const ended = outcomeOf(child);
    await sleep(ms);
    process.kill(-child.pid!, 'SIGINT');
    const { code, stderr } = await ended;
    // Before the program listens, the signal just ends it; after the demo's end there is nothing to interrupt.
    if (code === 130 && stderr.includes('removing')) expect(stderr).toMatch(/removed|nothing to remove/);
    if (code !== 0) await expectNothingLeft();
    else await weftOk(['lab', 'down', ...NAMED]);
  },
);

test('Ctrl-C in the demo of a lab that was up before leaves it up', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  const child = startWeft(['lab', 'demo', ...NAMED]);
  const ended = outcomeOf(child);
  await sleep(300);
  process.kill(-child.pid!, 'SIGINT');
  expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining('stays') });
  expect((await demo(NAME)).verdict.ok).toBe(true);
});

test("namespaces of the same names that are not the lab's are left alone", async () => {
  execFileSync('ip', ['netns', 'add', `${NAME}-h1`]);
  try {
    const refused = await weft(['lab', 'up', ...SMALL]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`${NAME}-h1`)]);
    await weftOk(['lab', 'down', ...NAMED]);
    expect(readTraces().namespaces).toContain(`${NAME}-h1`);
  } finally {
    execFileSync('ip', ['netns', 'del', `${NAME}-h1`]);
  }
});

test.each([
  [['--hosts', '0'], '--hosts'],
  [['--hosts', '1e1'], '--hosts'],
  [['--mode', 'magic'], 'flood, static, proxy'],
  [['--mtu', '99999'], '--mtu'],
  [['--name', 'weft'], '--name'],
  [['--name', '../x'], '--name'],
])('up %j is refused, and makes nothing', async (args, said) => {
  const refused = await weft(['lab', 'up', ...NAMED, ...args]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(said)]);
  await expectNothingLeft();
});

describe('a lab that is up', () => {
  test('exec runs in a host, where weft finds its agent, and in a container; its exit code is the command’s', async () => {
    await weftOk(['lab', 'up', ...SMALL]);
    const exec = (...words: string[]) => weft(['lab', 'exec', ...NAMED, ...words]);
    const status = await exec('h2', '--', 'weft', 'status', '--json');
    expect(JSON.parse(status.stdout).hosts.map(({ name }: { name: string }) => name)).toEqual(['h1', 'h2']);
    const links = await exec('h2/c1', 'ip', '-j', 'link');
    expect(JSON.parse(links.stdout).map(({ ifname }: { ifname: string }) => ifname)).toEqual(['lo', 'eth0']);
    expect((await exec('h1', '--', 'sh', '-c', 'exit 7')).code).toBe(7);
    expect(await exec('h9', 'true')).toMatchObject({ code: 1, stderr: expect.stringContaining('h1, h2') });
    expect(await exec('h1/c9', 'true')).toMatchObject({ code: 1, stderr: expect.stringContaining('h1/c1') });
    expect(await exec('h1', 'no-such-command')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no-such-command'),
    });
  });

  test('status says what runs and where, and what weft status says; without a lab it says so', async () => {
    expect(await weft(['lab', 'status', ...NAMED])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('lab up'),
    });
    await weftOk(['lab', 'up', ...SMALL]);
    await expect
      .poll(async () => (await weft(['lab', 'status', ...NAMED, '--json'])).code, { timeout: 10_000 })
      .toBe(0);
    const status = JSON.parse(await weftOk(['lab', 'status', ...NAMED, '--json']));
    expect(status).toMatchObject({ phase: 'up', missingNamespaces: [], weft: { well: true } });
    expect(status.homes.map(({ pids }: { pids: number[] }) => pids.length)).toEqual([1, 1, 1]);
    expect(await weftOk(['lab', 'status', ...NAMED])).toContain(
      `/run/weft-lab/${NAME}/h1/run/weft/agent.sock`,
    );
  });
});

test('the demo as data is what the kernel says', async () => {
  const report: DemoReport = await demo(NAME, ...SMALL.slice(2));
  expect(report.verdict).toEqual({ ok: true, reached: 4, unreached: 0, leaked: 0 });
  const [h1] = report.topology.hosts;
  const [tunnel] = h1!.tunnels;
  const [link] = kernelJson<{ linkinfo: { info_data: object } }[]>(
    'ip',
    tunnel!.namespace,
    '-d',
    'link',
    'show',
    'vxlan0',
  );
  expect(link!.linkinfo.info_data).toMatchObject({
    id: tunnel!.vni,
    local: '10.99.0.1',
    port: 4789,
    proxy: true,
  });
  const vxlan = report.frame!.layers.find((layer) => layer.layer === 'vxlan');
  expect(vxlan).toMatchObject({ vni: tunnel!.vni, vniValid: true });
  expect(report.frame!.sentence).toContain('network blue');
  expect(report.resolution).toMatchObject({ requests: 1, copiesOnUnderlay: 0 });
});
