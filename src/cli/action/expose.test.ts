import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestHost, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

const NOTICE = { code: 'not-exposed', title: 'Not there', sentence: 'The host cannot.', next: 'look' };

test('--json, too, tells why the host is not in the network', async () => {
  const records = [
    { record: { case: 'host' as const, value: { id: 'h', name: 'h1' } } },
    { record: { case: 'network' as const, value: { id: 'w', name: 'web' } } },
  ];
  await host.serve('agent', {
    controller: {
      hello: () => ({ hostName: 'h1' }),
      exposeNetwork: () => ({ notices: [{ code: 'other' }] }),
      listRecords: () => ({ revision: 7n, records }),
      listHostStatus: () => ({
        revision: 7n,
        hosts: [{ connected: true, status: { host: 'h', appliedRevision: 7n, notices: [NOTICE] } }],
      }),
    },
  });
  const { code, stdout } = await host.run('expose', 'web', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout).notices).toMatchObject([{ code: 'other' }, NOTICE]);
  const told = await host.run('expose', 'web');
  expect(told.stdout).toBe('network web is to be exposed on host h1\n');
  expect(told.stderr).toContain('The host cannot.');
});
