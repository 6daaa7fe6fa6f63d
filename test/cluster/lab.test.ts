import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DemoReport } from '#lab/demo/report.ts';
import {
  buildIfStale,
  demo,
  kernelJson,
  NO_TRACES,
  type Outcome,
  outcomeOf,
  sendToGroup,
  startWeft,
  TraceWatcher,
  weft,
  weftOk,
} from './lab-cli.ts';

const NAME = 'labtest';
const NAMED = ['--name', NAME];
const SMALL = [...NAMED, '--hosts', '2', '--containers', '1', '--networks', '1'];

let traces: TraceWatcher;
beforeAll(buildIfStale);
beforeEach(() => {
  traces = new TraceWatcher(NAME);
});
afterEach(async () => {
  await weftOk(['lab', 'down', ...NAMED]);
  expectNothingLeft();
  traces.stop();
});

const expectNothingLeft = () => expect(traces.read()).toEqual(NO_TRACES);

test('up makes hosts, networks and containers; up again leaves them alone; another shape is refused', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  const { namespaces } = traces.read();
  const overlays = namespaces.filter((name) => name.startsWith('weft-'));
  expect(namespaces.filter((name) => !overlays.includes(name))).toEqual(
    ['-fabric', '-h1', '-h1-c1', '-h2', '-h2-c1'].map((suffix) => NAME + suffix),
  );
  expect(overlays).toHaveLength(2);
  const inside = traces.read();

  expect(await weftOk(['lab', 'up', ...SMALL])).toContain('up already');
  expect(await weftOk(['lab', 'up', ...NAMED])).toContain('up already');
  expect(traces.read()).toEqual(inside);

  const refused = await weft(['lab', 'up', ...NAMED, '--hosts', '4']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`lab down --name ${NAME}`);
  expect(traces.read()).toEqual(inside);
});

test('containers find each other by name', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  const [there] = JSON.parse(
    await weftOk(['lab', 'exec', ...NAMED, 'h2', '--', 'weft', 'endpoint', 'ls', '--json']),
  );
  const lookUp = (name: string) => weft(['lab', 'exec', ...NAMED, 'h1/c1', '--', 'getent', 'ahostsv4', name]);
  // The resolver is told of a container behind its attach.
  await expect
    .poll(async () => (await lookUp(there.name)).stdout, { timeout: 30_000 })
    .toContain(there.addresses[0]);
  expect((await lookUp(`${there.name}.blue.weft.internal`)).stdout).toContain(there.addresses[0]);
  expect((await lookUp(`none.blue.weft.internal`)).code).not.toBe(0);
});

test('down removes a process that was left running inside, and is fine twice', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  await weftOk(['lab', 'exec', ...NAMED, 'h1/c1', '--', 'sh', '-c', 'sleep 1000 >/dev/null 2>&1 &']);
  expect((await weft(['lab', 'down', ...NAMED])).code).toBe(0);
  expectNothingLeft();
  const again = await weft(['lab', 'down', ...NAMED]);
  expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('nothing to remove')]);
});

/** Lines that tell of a step; the next step has begun when they appear. */
const STEPS = ['underlay', 'controller', 'agents', 'network', 'containers', 'look', 'ping'];

/** Sends the signal to the whole job, as a terminal does, in the middle of the step after `step`. */
async function interruptAfter(
  step: string,
  signal: NodeJS.Signals,
  args: readonly string[],
): Promise<Outcome> {
  const child = startWeft(args);
  const ended = outcomeOf(child);
  await new Promise<void>((resolve) => {
    child.stderr!.on('data', (text: string) => {
      if (text.includes(` ${step} `)) resolve();
    });
    child.on('close', () => resolve());
  });
  await sleep(Math.random() * 100);
  sendToGroup(child, signal);
  return ended;
}

test.each(STEPS.slice(0, 5))('killed after "%s", up leaves what the next up removes first', async (step) => {
  await interruptAfter(step, 'SIGKILL', ['lab', 'up', ...SMALL]);
  const report = await demo(NAME, ...SMALL);
  expect(report.verdict).toMatchObject({ ok: true, unreached: 0 });
  expect(traces.read().namespaces.filter((name) => name.startsWith('weft-'))).toHaveLength(2);
});

test.each([0, 50, 100, 150, 200])(
  'killed %i ms after its start, up leaves nothing that down does not find',
  async (ms) => {
    const child = startWeft(['lab', 'up', ...SMALL]);
    const ended = outcomeOf(child);
    await sleep(ms);
    sendToGroup(child, 'SIGKILL');
    await ended;
  },
);

test.each(STEPS)('Ctrl-C after "%s" removes everything', async (step) => {
  // Two networks: after the pings, their isolation is still to be tried.
  const { code, stderr } = await interruptAfter(step, 'SIGINT', ['lab', 'demo', ...SMALL, '--networks', '2']);
  expect([code, stderr]).toEqual([130, expect.stringContaining('removed')]);
  expectNothingLeft();
});

test.each([0, 50, 100, 150, 200])('Ctrl-C %i ms after the start of the demo leaves nothing', async (ms) => {
  const child = startWeft(['lab', 'demo', ...SMALL]);
  const ended = outcomeOf(child);
  await sleep(ms);
  sendToGroup(child, 'SIGINT');
  // Before the program is there to listen, the signal just ends it.
  expect(await ended).toMatchObject(expect.not.objectContaining({ code: 0 }));
  expectNothingLeft();
});

test('a lab whose agent was killed is not up: the next up makes it anew', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  const { homes } = JSON.parse(await weftOk(['lab', 'status', ...NAMED, '--json']));
  const { pids } = homes.find(({ name }: { name: string }) => name === 'h1');
  process.kill(Math.min(...pids), 'SIGKILL');
  const { code, stderr } = await weft(['lab', 'up', ...SMALL]);
  expect([code, stderr]).toEqual([0, expect.stringContaining('what a crash left')]);
  expect((await demo(NAME)).verdict.ok).toBe(true);
});

test('Ctrl-C in the demo of a lab that was up before leaves it up', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  const outcome = await interruptAfter('look', 'SIGINT', ['lab', 'demo', ...NAMED]);
  expect(outcome).toMatchObject({ code: 130, stderr: expect.stringContaining('stays') });
  expect((await demo(NAME)).verdict.ok).toBe(true);
});

test("namespaces of the same names that are not the lab's are left alone", async () => {
  execFileSync('ip', ['netns', 'add', `${NAME}-h1`]);
  try {
    const refused = await weft(['lab', 'up', ...SMALL]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`${NAME}-h1`)]);
    await weftOk(['lab', 'down', ...NAMED]);
    expect(traces.read().namespaces).toContain(`${NAME}-h1`);
  } finally {
    execFileSync('ip', ['netns', 'del', `${NAME}-h1`]);
  }
});

test('the lessons, too, leave alone namespaces of their names that are not theirs', async () => {
  const engine = mkdtempSync(path.join(tmpdir(), 'weft-no-engine-'));
  for (const directory of ['26.1/usr/sbin', 'common/lib'])
    mkdirSync(path.join(engine, directory), { recursive: true });
  writeFileSync(path.join(engine, '26.1/usr/sbin/dockerd'), '');
  execFileSync('ip', ['netns', 'add', 'weftdocker-h1']);
  try {
    const refused = await weft(['lab', 'run', 'docker', '--engine', path.join(engine, '26.1')]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('weftdocker-h1')]);
    expect(existsSync('/run/netns/weftdocker-h1')).toBe(true);
  } finally {
    execFileSync('ip', ['netns', 'del', 'weftdocker-h1']);
    rmSync(engine, { recursive: true });
  }
});

test.each([
  [['--hosts', '0'], '--hosts'],
  [['--hosts', '1e1'], '--hosts'],
  [['--mode', 'magic'], 'flood, static, proxy'],
  [['--mtu', '99999'], '--mtu'],
  [['--mode', 'p2p'], 'hosts "3": are too many for mode p2p, which goes from point to point'],
  [['--name', 'weft'], '--name'],
  [['--name', '../x'], '--name'],
])('up %j is refused, and makes nothing', async (args, said) => {
  const refused = await weft(['lab', 'up', ...NAMED, ...args]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(said)]);
  expectNothingLeft();
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
    expect(await exec('h9', 'true')).toMatchObject({ code: 3, stderr: expect.stringContaining('h1, h2') });
    expect(await exec('h1/c9', 'true')).toMatchObject({ code: 3, stderr: expect.stringContaining('h1/c1') });
    expect(await exec('h1', '/etc/passwd')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('/etc/passwd is no program'),
    });
    expect(await exec('h1', 'no-such-command')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no-such-command'),
    });
  });

  test('status says what runs and where, and what weft status says; without a lab it says so', async () => {
    expect(await weft(['lab', 'status', ...NAMED])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('lab up'),
    });
    await weftOk(['lab', 'up', ...SMALL]);
    await expect
      .poll(async () => (await weft(['lab', 'status', ...NAMED, '--json'])).code, { timeout: 10_000 })
      .toBe(0);
    const status = JSON.parse(await weftOk(['lab', 'status', ...NAMED, '--json']));
    expect(status).toMatchObject({ phase: 'up', missingNamespaces: [], weft: { well: true } });
    expect(status.homes.map(({ pids }: { pids: number[] }) => pids.length)).toEqual([1, 2, 2]);
    expect(await weftOk(['lab', 'status', ...NAMED])).toContain(
      `/run/weft-lab/${NAME}/h1/run/weft/agent.sock`,
    );
  });

  test('status and exec say which namespace somebody removed', async () => {
    await weftOk(['lab', 'up', ...SMALL]);
    execFileSync('ip', ['netns', 'del', `${NAME}-h1`]);
    const { code, stdout } = await weft(['lab', 'status', ...NAMED, '--json']);
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({
      missingNamespaces: [`${NAME}-h1`],
      weft: { hosts: [{}, {}] },
    });
    const exec = await weft(['lab', 'exec', ...NAMED, 'h1', 'true']);
    expect([exec.code, exec.stderr]).toEqual([1, expect.stringContaining(`namespace ${NAME}-h1 is gone`)]);
    // Its agent goes all the same, and the resolver, which then has nobody to serve, by itself.
    await weftOk(['lab', 'down', ...NAMED]);
    expect(traces.read().processes.filter((line) => line.includes(' agent '))).toEqual([]);
    await expect.poll(() => traces.read().processes, { timeout: 10_000 }).toEqual([]);
  });
});

test('the demo as data is what the kernel says', async () => {
  const report: DemoReport = await demo(NAME, ...SMALL);
  expect(report.verdict).toEqual({ ok: true, reached: 4, unreached: 0, leaked: 0, crossed: 0 });
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

test('the demo shows a network whose UDP port was changed, too', async () => {
  await weftOk(['lab', 'up', ...SMALL]);
  await weftOk(['lab', 'exec', ...NAMED, 'h1', '--', 'weft', 'network', 'set', 'blue', '--port', '4790']);
  const report: DemoReport = await demo(NAME);
  expect(report.verdict).toMatchObject({ ok: true, reached: 4 });
  expect(report.topology.hosts[0]!.tunnels).toMatchObject([{ network: 'blue', port: 4790 }]);
  expect(report.frame!.layers).toContainEqual(expect.objectContaining({ layer: 'vxlan' }));
});
