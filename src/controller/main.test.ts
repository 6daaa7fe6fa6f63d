import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { POOLS } from '#intent/test-world.ts';
import { openEmbeddedStore } from '#store/embedded-store.ts';
import type { Feed } from '#store/store.ts';
import { createClients } from '#transport/client.ts';
import { runController } from './main.ts';

test('the log does not grow for ever', async () => {
  const root = mkdtempSync(join(tmpdir(), 'weft-log-'));
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
  for (let i = 0; i < 510; i++) {
    await controller.createNetwork({ name: 'a' });
    await controller.removeNetwork({ network: 'a' });
  }
  // It is done with the controller's beat.
  await sleep(3_500);
  close();
  stop.abort();
  await running;
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
}, 30_000);
