import { defineConfig } from 'vitest/config';

/** Unit tests need no root and run in parallel; the others share the one real kernel and run one by one. */
const serial = { fileParallelism: false, maxWorkers: 1, testTimeout: 180_000, hookTimeout: 300_000 };

/** Killing, cutting off, evicting, booting anew and filling up, real and simulated. */
const FAULTS = [
  'test/sim*.test.ts',
  ...[
    'controller-away',
    'crash-points',
    'full-disk',
    'host-reboot',
    'ipam',
    'set-mode-faults',
    'store-killed',
  ].map((name) => `test/cluster/${name}.test.ts`),
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
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          exclude: FAULTS,
          ...serial,
        },
      },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...serial } },
      { test: { name: 'faults', include: FAULTS, ...serial } },
    ],
  },
});
