import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HostStatusSchema } from '#api/gen/weft/v1/records_pb.ts';
import { recordToWire } from '#api/wire-records.ts';
import { agentPaths } from '#model/paths.ts';
import { testHost } from '#plan/test-world.ts';
import { createTestHost, type Handlers, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  host = createTestHost();
});
afterEach(async () => {
  vi.useRealTimers();
  await host.close();
});

/** Takes the question, says nothing, and lets time pass. */
const standsStill = (): Promise<never> => {
  vi.advanceTimersByTime(10_000);
  return new Promise(() => {});
};
const still: Handlers = {
  controller: { listRecords: standsStill, listHostStatus: () => new Promise(() => {}) },
};

test.each([['endpoint'], ['network'], ['host']])('%s ls: who does not answer is named', async (kind) => {
  await host.serve('agent', still);
  const { code, stderr } = await host.run(kind, 'ls');
  expect(code).toBe(5);
  expect(stderr).toContain(
    `the agent at unix://${agentPaths(host.root).socket} does not answer (nothing came within 10 s)`,
  );
});

/** Of what is wished more is waited for. */
const standsStillLong = (): Promise<never> => {
  vi.advanceTimersByTime(40_000);
  return new Promise(() => {});
};

test('a wish that nobody answered may still happen, and it is said where that shows', async () => {
  await host.serve('agent', {
    controller: { createNetwork: standsStillLong, removePeer: standsStillLong },
    agent: { attach: standsStillLong },
  });
  const wishes = [
    [['network', 'create', 'app'], 'weft network ls'],
    [['peer', 'rm', 'app', 'old'], 'weft peer ls'],
    [['endpoint', 'attach', 'c1', 'app'], 'weft endpoint ls'],
  ] as const;
  for (const [words, shownBy] of wishes) {
    const { code, stderr } = await host.run(...words);
    expect(code).toBe(5);
    expect(stderr).toContain('(nothing came within 40 s): what was asked for may still happen');
    expect(stderr).toContain(`; ${shownBy} shows whether it happened`);
    const tried = await host.run(...words, '--dry-run');
    expect(tried.stderr).toContain('(nothing came within 40 s)\n');
    expect(tried.stderr).not.toContain('happen');
  }
});

test('status: the agent is asked for its own word, and not for long', async () => {
  await host.serve('agent', { ...still, agent: { status: standsStill } });
  const { code, stderr } = await host.run('status');
  expect(code).toBe(5);
  expect(stderr).toContain('does not answer (nothing came within 10 s)');
});

test('status: of a host that the controller does not take its own word is shown, beside whose name it has', async () => {
  const notices = [
    { code: 'host-refused', title: 'Not taken', sentence: 'Its name is taken.', next: 'rename it' },
  ];
  await host.serve('agent', {
    controller: {
      listRecords: () => ({ revision: 7n, records: [recordToWire(testHost(1))] }),
      listHostStatus: () => ({ hosts: [] }),
    },
    agent: {
      status: () => ({
        hostName: testHost(1).name,
        connected: false,
        status: create(HostStatusSchema, { host: testHost(2).id, notices }),
      }),
    },
  });
  const { code, stdout } = await host.run('status');
  expect(code).toBe(6);
  expect(stdout).toMatch(/^h1 +(?!\(here\))/m);
  expect(stdout).toMatch(/^h1 \(here\)/m);
  expect(stdout).toContain('Its name is taken. [host-refused]');
});

test('status: without the others, what the agent knows of its own host is shown', async () => {
  const status = create(HostStatusSchema, { appliedRevision: 7n, headRevision: 7n });
  await host.serve('agent', {
    ...still,
    agent: { status: () => ({ hostName: 'h1', connected: true, status }) },
  });
  const { code, stdout } = await host.run('status');
  expect(code).toBe(6);
  expect(stdout).toMatch(/^h1 +connected +7\/7/m);
  expect(stdout).toContain('Only this host is shown.');
});
