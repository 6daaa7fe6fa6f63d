import { defineConfig } from 'vitest/config';

/** Unit tests need no root and run in parallel; the others share the one real kernel and run one by one. */
const serial = { fileParallelism: false, maxWorkers: 1, testTimeout: 60_000, hookTimeout: 120_000 };

/** Minutes of killing, cutting off and evicting, real and simulated: `make faults`. Not yet part of `make test`. */
const faults = [
  ...['crash-points', 'controller-away', 'host-reboot', 'ipam', 'healing'].map(
    (name) => `test/cluster/${name}.test.ts`,
  ),
  'test/sim*.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/*.test.ts'],
          exclude: ['test/sim*.test.ts'],
        },
      },
      { test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], ...serial } },
      {
        test: { name: 'cluster', include: ['test/cluster/**/*.test.ts'], exclude: faults, ...serial },
      },
      { test: { name: 'faults', include: faults, ...serial } },
    ],
  },
});
