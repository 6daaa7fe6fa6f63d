import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

/**
 * In a user namespace of one's own one is root of the network, but of nothing that the machine shares: no socket
 * buffers past the limit, no mounts outside. The whole contract is kept there too.
 */
it('the real kernel keeps its contract without privileges on the machine', () => {
  const vitest = 'node_modules/vitest/vitest.mjs run --project kernel test/kernel/real-kernel.test.ts';
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      '--user',
      '--map-root-user',
      '--net',
      '--mount',
      'sh',
      '-ec',
      `mount -t tmpfs tmpfs /run; node ${vitest}`,
    ],
    { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined } },
  );
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/Tests +\d+ passed \(\d+\)/);
}, 120_000);
