import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UnderlayFamily } from '#model/records.ts';
import { ip, kernelJson } from '../world/namespaces.ts';
import { runIn } from '../world/recipe.ts';
import { pingAll, startEcho, talkTo } from '../world/talk.ts';
import { ThreeHosts } from '../world/three-hosts.ts';
import { buildIfStale, weft } from './lab-cli.ts';

/** A machine without Weft takes part by typing what `weft peer` prints, and nothing else. */

const MAC = '02:00:00:00:00:09';
const BEHIND = ['10.1.255.9', 'fd00:1::ff:9'];

const net = new ThreeHosts();
let machine: string;
let echo: ChildProcess;
beforeAll(async () => {
  buildIfStale();
  await net.start();
  machine = net.world.addNamespace('machine');
  const wire = net.hostNamespace('wire');
  ip('-n', machine, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'p9', 'netns', wire);
  ip('-n', wire, 'link', 'set', 'p9', 'master', 'wire', 'up');
  ip('-n', machine, 'link', 'set', 'up0', 'up');
  ip('-n', machine, 'address', 'add', '10.99.0.9/24', 'dev', 'up0');
  ip('-n', machine, 'address', 'add', 'fd99::9/64', 'dev', 'up0', 'nodad');
  echo = await startEcho(machine);
});
afterAll(async () => {
  echo?.kill('SIGKILL');
  await net.remove();
});

const peer = (...args: readonly string[]) => weft(['peer', ...args, '--root', net.world.rootOf('h1')]);

/** What is printed for the other machine, as a person would copy it. */
const printed = (stdout: string): string[] => {
  const lines = stdout.split('\n');
  const from = lines.findIndex((line) => line.startsWith('On the other machine')) + 1;
  return lines.slice(from).filter((line) => line.startsWith('  '));
};

/** What is to be typed before, when it is typed again. */
const printedForAgain = (stdout: string): string[] => {
  const [, before] = /^Again .*: first (.*)$/m.exec(stdout) ?? [];
  return [...(before ? [before] : []), ...printed(stdout)];
};

const CASES: readonly [string, UnderlayFamily, string[]][] = [
  ['p2p', 'ipv4', ['h1']],
  ['multicast', 'ipv4', ['h1', 'h2', 'h3']],
  ['multicast', 'ipv6', ['h1', 'h2']],
  ['flood', 'ipv6', ['h1', 'h2', 'h3']],
  ['static', 'ipv4', ['h1', 'h2', 'h3']],
];

describe.sequential.each(CASES)('in mode %s over %s', (mode, underlay, hosts) => {
  const vtep = underlay === 'ipv4' ? '10.99.0.9' : 'fd99::9';

  test('speaks with every container, and is forgotten', async () => {
    await net.network('red', { mode, underlay });
    const endpoints = await net.attachAll('red', hosts);
    const added = await peer('add', 'red', 'old', '--vtep', vtep, '--mac', `${MAC}=${BEHIND.join()}`);
    expect([added.code, added.stderr]).toEqual([0, '']);
    const shown = await peer('inspect', 'red', 'old');
    expect(printed(shown.stdout)).toEqual(printed(added.stdout));
    runIn(machine, printed(added.stdout));
    try {
      const inside = endpoints.flatMap(({ addresses }) => addresses);
      expect([...(await pingAll(machine, inside)), ...(await talkTo(machine, inside))]).toEqual([]);
      for (const host of hosts) {
        const container = net.containerOn(host);
        expect([...(await pingAll(container, BEHIND)), ...(await talkTo(container, BEHIND))]).toEqual([]);
        const { status } = await net.world.status(host);
        expect([host, status?.drift ?? [], status?.failing ?? []]).toEqual([host, [], []]);
      }
    } finally {
      runIn(machine, ['ip link del vxlan0']);
    }
    const removed = await peer('rm', 'red', 'old');
    expect([removed.code, removed.stderr]).toEqual([0, '']);
    for (const host of hosts) await rowsTo(host, vtep, 0);
    await net.removeNetwork('red');
  });
});

test('what is printed, typed again after a host has joined and the UDP port has changed, reaches it', async () => {
  await net.network('red', { mode: 'static' });
  const [first] = await net.attachAll('red', ['h1']);
  const added = await peer('add', 'red', 'old', '--vtep', '10.99.0.9', '--mac', `${MAC}=${BEHIND.join()}`);
  runIn(machine, printed(added.stdout));
  const [second] = await net.attachAll('red', ['h2']);
  const root = net.world.rootOf('h1');
  const changed = await weft(['network', 'set', 'red', '--port', '4790', '--root', root]);
  expect([changed.code, changed.stderr]).toEqual([0, expect.stringContaining('ip link del vxlan0')]);
  try {
    runIn(machine, printedForAgain((await peer('inspect', 'red', 'old')).stdout));
    expect(await pingAll(machine, [...first!.addresses, ...second!.addresses])).toEqual([]);
  } finally {
    runIn(machine, ['ip link del vxlan0']);
  }
  await peer('rm', 'red', 'old');
  await net.removeNetwork('red');
});

test('rows of a peer that somebody deletes come back', async () => {
  await net.network('red', { mode: 'static' });
  await net.attachAll('red', ['h1']);
  await peer('add', 'red', 'old', '--vtep', '10.99.0.9', '--mac', MAC);
  await rowsTo('h1', '10.99.0.9', 2);
  const overlay = `${net.world.overlaysOf('h1')}100000`;
  for (const mac of [MAC, '00:00:00:00:00:00']) {
    runIn(overlay, [`bridge fdb del ${mac} dev vxlan0 dst 10.99.0.9`]);
    await rowsTo('h1', '10.99.0.9', 2);
  }
  await peer('rm', 'red', 'old');
  await net.removeNetwork('red');
});

/** Until the host has that many permanent rows to the VTEP. */
async function rowsTo(host: string, vtep: string, count: number): Promise<void> {
  const overlay = `${net.world.overlaysOf(host)}100000`;
  await expect
    .poll(
      () =>
        kernelJson<{ dst?: string; state?: string }>(
          'bridge',
          overlay,
          'fdb',
          'show',
          'dev',
          'vxlan0',
        ).filter(({ dst, state }) => dst === vtep && state === 'permanent').length,
      { timeout: 30_000 },
    )
    .toBe(count);
}
