import { afterEach, beforeEach, expect, test } from 'vitest';
import { notExposed } from '#model/not-exposed.ts';
import { createTestHost, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

const NOTICE = notExposed('web', 'the host cannot', 'look.');

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
  expect(told.stderr).toContain('Network web: the host cannot.');
});

test('what keeps the host out of another network is not told of this one', async () => {
  const own = {
    id: 'e',
    runtime: 'host',
    network: 'w',
    host: 'h',
    interface: 'wfh1',
    addresses: ['10.1.0.2'],
  };
  const records = [
    { record: { case: 'host' as const, value: { id: 'h', name: 'h1' } } },
    { record: { case: 'network' as const, value: { id: 'w', name: 'web' } } },
    { record: { case: 'endpoint' as const, value: own } },
  ];
  const notices = [notExposed('webshop', 'the host cannot', 'look.')];
  await host.serve('agent', {
    controller: {
      hello: () => ({ hostName: 'h1' }),
      exposeNetwork: () => ({}),
      listRecords: () => ({ revision: 7n, records }),
      listHostStatus: () => ({
        revision: 7n,
        hosts: [{ connected: true, status: { host: 'h', appliedRevision: 7n, notices } }],
      }),
    },
  });
  expect(await host.run('expose', 'web')).toEqual({
    code: 0,
    stdout: 'network web is exposed on host h1: 10.1.0.2 (wfh1)\n',
    stderr: '',
  });
});
