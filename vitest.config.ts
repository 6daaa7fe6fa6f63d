import { defineConfig } from 'vitest/config';

/** They have patience with the kernel, with engines and with machines that are busy. */
const patient = { testTimeout: 180_000, hookTimeout: 300_000 };
/** They look at the machine's own namespace, or keep processors busy on purpose. */
const serial = { ...patient, fileParallelism: false, maxWorkers: 1 };
/** Each file has hosts of its own, and waits for them more than it computes. */
const byTwo = { ...patient, maxWorkers: 2 };

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
          // Some try thousands of inputs, on machines that do other things, too.
          testTimeout: 30_000,
        },
      },
      { test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], ...serial } },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          exclude: FAULTS,
          ...byTwo,
        },
      },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...byTwo } },
      { test: { name: 'faults', include: FAULTS, ...byTwo } },
    ],
  },
});
