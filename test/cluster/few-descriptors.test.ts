import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

/** An agent that may open too few files for the networks that its host is in. */

let world: World;
beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1'], wrap: () => ['prlimit', '--nofile=90:90'] });
  await world.startAll();
});
afterAll(() => world?.remove());

/** More than it can be in: each keeps some files open. */
const MOST_NETWORKS = 30;
const SOON_MS = 5_000;

test('says so in its status', async () => {
  for (let i = 0; i < MOST_NETWORKS; i++) {
    await world.createNetwork(`n${i}`, `10.${i + 1}.0.0/24`);
    world.addNamespace(`c${i}`);
    const reply = await Promise.race([world.attachTo('h1', `c${i}`, `n${i}`), sleep(SOON_MS)]);
    if (!reply?.ok) break;
  }
  await until('it is said', async () => {
    const { status } = await world.status('h1');
    const notice = status?.notices?.find(({ code }) => code === 'kernel-unseen');
    if (notice) expect(notice.sentence).toMatch(/EMFILE/);
    return notice !== undefined;
  });
});
