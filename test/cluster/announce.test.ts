import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TUNNEL_MODES } from '#model/tunnel-mode.ts';
import { firstPing, untilAnswered } from '../world/talk.ts';
import { HOSTS, ThreeHosts } from '../world/three-hosts.ts';
import { buildIfStale } from './lab-cli.ts';

/** What containers remember of each other is put right when somebody comes, or takes another's address. */

/** Linux asks again for an address after a second, and believes for the better part of a minute what it was told. */
const SOON_MS = 600;
const ADDRESSES = ['10.1.0.77', 'fd00:1::77'];

const net = new ThreeHosts();
/** Where there are others of the same host, and other hosts have some, too. */
const asker = net.world.containerOf('first-h1');
beforeAll(async () => {
  buildIfStale();
  await net.start();
  for (const host of HOSTS) net.world.addNamespace(`first-${host}`);
});
afterAll(() => net.remove());

/** Gives when that was answered. */
async function attach(host: string): Promise<number> {
  const { ok, body } = await net.world.attachTo(host, `c-${host}`, 'red', { addresses: ADDRESSES });
  expect([ok, body]).toEqual([true, expect.anything()]);
  return performance.now();
}

describe.each(TUNNEL_MODES)('%s', (mode) => {
  beforeAll(async () => {
    await net.network('red', { mode, ...(mode === 'multicast' && { group: '239.1.1.1' }) });
    const hosts = mode === 'p2p' ? ['h1', 'h2'] : HOSTS;
    for (const host of hosts) await net.world.attachTo(host, `first-${host}`, 'red');
  });
  afterAll(async () => {
    for (const host of HOSTS) await net.world.detachAll(host, `first-${host}`);
    await net.removeNetwork('red');
  });

  test('who was asked for before it was there is reached as soon as it is', async () => {
    const answers = ADDRESSES.map((address) => untilAnswered(asker, address));
    await sleep(200);
    await expectSoon(await attach('h2'), answers);
  });

  // Of the two hosts of a p2p network the other asks.
  if (mode === 'p2p') return;

  test('who takes an address over is reached at once', async () => {
    for (const address of ADDRESSES) await firstPing(asker, address);
    await net.world.detachAll('h2', 'c-h2');
    const sinceMs = await attach('h3');
    await expectSoon(
      sinceMs,
      ADDRESSES.map((address) => untilAnswered(asker, address)),
    );
  });
});

async function expectSoon(sinceMs: number, answers: readonly Promise<number>[]): Promise<void> {
  for (const atMs of await Promise.all(answers)) expect(atMs - sinceMs).toBeLessThan(SOON_MS);
}
