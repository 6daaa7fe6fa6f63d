import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { POOLS } from '#intent/test-world.ts';
import { openEmbeddedStore } from '#store/embedded-store.ts';
import type { Feed } from '#store/store.ts';
import { createClients } from '#transport/client.ts';
import { runController } from './main.ts';

/** A controller, and who speaks with it. */
async function start(prefix: string) {
  const root = mkdtempSync(join(tmpdir(), prefix));
  const stop = new AbortController();
  const path = join(root, 'c.sock');
  const running = runController(
    { root, listen: [`unix://${path}`], pools: POOLS, logLevel: 'silent' } as never,
    stop.signal,
  );
  const { controller, close } = createClients({ kind: 'unix', path });
  for (;;) {
    try {
      await controller.hello({});
      break;
    } catch {
      await sleep(50);
    }
  }
  const end = async () => {
    close();
    stop.abort();
    await running;
  };
  return { root, controller, end };
}

test('the log does not grow for ever', async () => {
  const { root, controller, end: stop } = await start('weft-log-');
  for (let i = 0; i < 510; i++) {
    await controller.createNetwork({ name: 'a' });
    await controller.removeNetwork({ network: 'a' });
  }
  // It is done with the controller's beat: two of them.
  await sleep(7_000);
  await stop();
  const store = await openEmbeddedStore(join(root, 'var/lib/weft/controller/store'));
  const first = await new Promise<Feed>((resolve) => {
    const end = store.watch(0, (feed) => {
      end();
      resolve(feed);
    });
  });
  await store.close();
  rmSync(root, { recursive: true });
  expect(first.feed).toBe('wipe');
});

test('a clock that is set makes no host silent', async () => {
  const { root, controller, end } = await start('weft-clock-');
  const facts = { underlayMtu: 1500, takenPorts: [], routes: [], underlayInterfaces: ['eth0'] };
  const { subject } = await controller.registerHost({ name: 'h1', underlay: ['192.0.2.1'], facts });
  const host = (subject!.record.value as { id: string }).id;
  const following = controller.follow({ host: 'h1' })[Symbol.asyncIterator]();
  await following.next();
  await controller.reportStatus({ status: { host } });
  const hourLater = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
  try {
    const { hosts } = await controller.listHostStatus({});
    expect(hosts).toMatchObject([{ connected: true, silentMs: 0n }]);
  } finally {
    hourLater.mockRestore();
    await end();
    rmSync(root, { recursive: true });
  }
});
