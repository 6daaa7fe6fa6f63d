import { expect, test } from 'vitest';
import { registerHost } from '#intent/test-world.ts';
import type { Host } from '#model/records.ts';
import { silentMs } from './silence.ts';
import { TestController } from './test-controller.ts';

test('a host is silent when nothing comes for a while: neither a session nor a report', () => {
  const controller = new TestController();
  const { chance, state } = controller;
  const { id } = controller.grant(registerHost('h1'), { role: 'host', name: 'h1' }) as Host;
  const silent = () => silentMs(state, id, chance.now);
  expect(silent()).toBe(0);
  // What it reported before it was away says nothing of now.
  controller.dispatch({ event: 'status-reported', status: { host: id, settledRevision: 0 } as never });
  chance.now += 3_600_000;
  controller.follow(1, 'h1');
  expect(silent()).toBe(0);
  chance.now += 20_000;
  expect(silent()).toBe(0);
  chance.now += 5_000;
  expect(silent()).toBe(25_000);
  controller.dispatch({ event: 'status-reported', status: { host: id, settledRevision: 0 } as never });
  expect(silent()).toBe(0);
});
