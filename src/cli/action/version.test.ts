import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestHost, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

test('version: of this command, and of who answers', async () => {
  expect(await host.run('version')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('no agent or controller'),
  });
  await host.serve('agent', {
    controller: {
      hello: () => ({ role: 'agent', version: '0.1.0', apiVersion: 1, hostName: 'h1', connected: true }),
    },
  });
  expect((await host.run('version')).stdout).toContain('agent h1 0.1.0, API 1, follows its controller\n');
});
