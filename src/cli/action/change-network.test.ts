import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ChangeNetworkRequest } from '#api/gen/weft/v1/controller_pb.ts';
import { NetworkSchema } from '#api/gen/weft/v1/records_pb.ts';
import { createTestHost, runForTest, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

const tunnel = { mode: 'multicast', port: 4789, mtu: 1430, ttl: 64 };
const six = { id: '01J0000000000000000000000C', name: 'six', vni: 1_048_576, underlay: 'ipv6', ...tunnel };
const withGroup = (group: string, more: object = {}) => ({
  record: { case: 'network' as const, value: create(NetworkSchema, { ...six, group, ...more }) },
});

const change = { phase: 'prepare', other: { ...tunnel, group: 'ff18::a' }, since: 8 };

test('what was wished is what was admitted, however it was spelled', async () => {
  const asked: ChangeNetworkRequest[] = [];
  await host.serve('agent', {
    controller: {
      changeNetwork: (request) => {
        asked.push(request);
        return { revision: 8n, subject: withGroup('ff18::9', { change }), changes: [{}] };
      },
      listRecords: () => ({ revision: 9n, records: [withGroup('ff18::a')] }),
      listHostStatus: () => ({ revision: 9n, hosts: [] }),
    },
  });
  const { code, stdout } = await host.run('network', 'set', 'six', '--group', 'FF18:0::A');
  expect([code, stdout]).toEqual([0, expect.stringContaining('network six changed')]);
  expect(asked.map(({ group, dryRun }) => [group, dryRun])).toEqual([
    ['FF18:0::A', true],
    ['FF18:0::A', false],
  ]);
});

test.each([
  ['while it waits', true, 'goes on without this command'],
  ['before it is answered', false, 'may have begun, and then goes on'],
])('Ctrl-C %s says what becomes of it', async (_, isAnswered, what) => {
  const ctrlC = new AbortController();
  const under = withGroup('ff18::9', { change });
  await host.serve('agent', {
    controller: {
      changeNetwork: async ({ dryRun }) => {
        if (!dryRun && !isAnswered) ctrlC.abort();
        if (!dryRun && !isAnswered) await new Promise(() => {});
        return { revision: 8n, subject: under, changes: [{}] };
      },
      listRecords: () => {
        setTimeout(() => ctrlC.abort(), 20);
        return { revision: 9n, records: [under] };
      },
      listHostStatus: () => ({ revision: 9n, hosts: [] }),
    },
  });
  const { code, stderr } = await runForTest(['network', 'set', 'six', '--group', 'ff18::a'], {
    env: { WEFT_ROOT: host.root },
    stop: () => ctrlC.signal,
  });
  expect(code).toBe(130);
  expect(stderr).toContain(`interrupted: the change of network six ${what}`);
  expect(stderr).toContain('weft network inspect six');
});
