import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { NameTable } from '#dns/name-table.ts';
import { resolveNamespace } from '#kernel/container-namespace.ts';
import { add, type KernelWorld } from '#kernel/contract-stage.ts';
import { type ExampleNetwork, exampleNetwork } from '#kernel/example-network.ts';
import { until } from '#lab/until.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { Sandboxes } from '#resolver/sandboxes.ts';
import { enterHostNamespace, realWorld } from './kernel-lab.ts';

/** A process that may open no more files, wherever it is when it comes to that: it is told so, and nothing ends it. */

let leave: () => void;
let world: KernelWorld;
let net: ExampleNetwork;
let container: NamespaceRef;

beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());
beforeEach(() => {
  world = realWorld();
  container = world.createContainer();
  net = exampleNetwork(world.hostTag, world.underlay, container);
});
afterEach(() => world.close());

const limit = (most: string): string =>
  execFileSync('prlimit', ['--pid', String(process.pid), ...most.split(' ')], { encoding: 'utf8' });

/** More than it takes to look at one network and one container. */
const ENOUGH = 16;

/** With none free, with one, with two and so on. */
async function withFew(work: (free: number) => Promise<void>): Promise<void> {
  const before = limit('--nofile -o SOFT --noheadings').trim();
  const ballast: number[] = [];
  const highest = Math.max(...readdirSync('/proc/self/fd').map(Number));
  limit(`--nofile=${highest + 2 * ENOUGH}:`);
  try {
    for (;;) ballast.push(openSync('/dev/null', 'r'));
  } catch {
    // None is free now.
  }
  try {
    for (let free = 0; free <= ENOUGH; free++) {
      await work(free);
      closeSync(ballast.pop()!);
    }
  } finally {
    for (const fd of ballast) closeSync(fd);
    limit(`--nofile=${before}:`);
  }
}

test('of looks and writes each is refused or done', async () => {
  const scope = { hostTag: world.hostTag, containers: [{ namespace: container, interfaces: ['eth0'] }] };
  await world.kernel.observe(scope);
  const looks: unknown[] = [];
  const writes: boolean[] = [];
  await withFew(async () => {
    const results = await world.kernel.apply(net.objects.map(add), scope);
    writes.push(results.every(({ ok }) => ok));
    looks.push(
      await world.kernel.observe(scope).then(
        () => 'seen',
        (error) => error,
      ),
    );
  });
  expect(looks.filter((look) => look !== 'seen' && !(look instanceof NetlinkError))).toEqual([]);
  expect([writes[0], looks[0]]).toEqual([false, expect.any(NetlinkError)]);
  expect([writes.at(-1), looks.at(-1)]).toEqual([true, 'seen']);
});

test('a container that cannot be opened is refused with the reason', async () => {
  const answers: unknown[] = [];
  await withFew(async () => void answers.push(resolveNamespace(container.path)));
  expect(answers[0]).toMatchObject({
    reason: 'unavailable',
    faults: [{ problem: expect.stringContaining('EMFILE') }],
  });
  expect(answers.at(-1)).toEqual(container);
});

test('the resolver tells which container it cannot serve, and serves it when it can', async () => {
  execFileSync('ip', ['-n', path.basename(container.path), 'link', 'set', 'lo', 'up']);
  const asker = { table: new NameTable(), networks: [], isCurrent: true };
  const sandboxes = new Sandboxes(
    () => asker,
    () => {},
    () => {},
    () => undefined,
  );
  const troubles: (string | undefined)[] = [];
  try {
    await withFew(async () => {
      await sandboxes.set([]);
      await sandboxes.set([{ path: container.path, networks: [] }]);
      troubles.push(sandboxes.troubles()[0]?.text);
    });
    await until('it is served', async () => sandboxes.cookies().join() === container.cookie);
    expect(sandboxes.troubles()).toEqual([]);
  } finally {
    await sandboxes.close();
  }
  expect(troubles[0]).toContain('EMFILE');
});
