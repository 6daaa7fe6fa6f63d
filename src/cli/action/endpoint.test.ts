import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestHost, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(async () => {
  host = createTestHost();
  await host.serve('agent', {
    controller: {
      listRecords: () => ({ revision: 7n, records }),
      listHostStatus: () => ({ revision: 7n, hosts: [] }),
    },
  });
});
afterEach(() => host.close());

const shop = { id: 'e', network: 'w', host: 'h', name: 'shop', interface: 'eth0', addresses: ['fd00:1::5'] };
const records = [
  { record: { case: 'host' as const, value: { id: 'h', name: 'h1' } } },
  { record: { case: 'network' as const, value: { id: 'w', name: 'web' } } },
  { record: { case: 'network' as const, value: { id: 'd', name: 'db' } } },
  { record: { case: 'endpoint' as const, value: shop } },
];

test.each(['--network', '--host'])('ls with an empty %s, as an unset variable leaves it, is not ls', (flag) =>
  expect(host.run('endpoint', 'ls', flag, '')).resolves.toMatchObject({ code: 3, stdout: '' }),
);

test.each(['FD00:1:0::5', 'fd00:0001:0:0:0:0:0:5'])('inspect takes an address as %s, too', async (word) => {
  expect((await host.run('endpoint', 'inspect', word)).stdout).toContain('Endpoint shop');
});

test('inspect says that one of that name is in another network', async () => {
  expect(await host.run('endpoint', 'inspect', 'shop', '--network', 'db')).toEqual({
    code: 3,
    stdout: '',
    stderr:
      'error: endpoint "shop": is not in network db, but in web\n  fix: leave --network out, or name web\n',
  });
  expect(await host.run('endpoint', 'inspect', 'shop', '--network', 'WEB')).toMatchObject({ code: 0 });
});
