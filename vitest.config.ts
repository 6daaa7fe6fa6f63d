import { defineConfig } from 'vitest/config';

/** Unit tests need no root and run in parallel; the others share the one real kernel and run one by one. */
const serial = { fileParallelism: false, maxWorkers: 1, testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/*.test.ts'] } },
      { test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], ...serial } },
      { test: { name: 'cluster', include: ['test/cluster/**/*.test.ts'], ...serial } },
    ],
  },
});
