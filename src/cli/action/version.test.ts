import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentPaths } from '#model/paths.ts';
import { createTestHost, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

test.skipIf(process.getuid!() !== 0)(
  'version: who may not ask is not told that nobody is there',
  async () => {
    await host.serve('agent', { controller: { hello: () => ({ role: 'agent', hostName: 'h1' }) } });
    chmodSync(host.root, 0o755);
    process.seteuid!(65_534);
    try {
      const { code, stdout } = await host.run('version');
      expect(code).toBe(0);
      expect(stdout).toContain(
        `not permitted to open unix://${agentPaths(host.root).socket}: run it as root, such as with sudo\n`,
      );
      expect(stdout).not.toContain('no agent');
    } finally {
      process.seteuid!(0);
    }
  },
);

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
