import { defineConfig } from 'vitest/config';

/** Unit tests need no root and run in parallel; the others share the one real kernel and run one by one. */
const serial = { fileParallelism: false, maxWorkers: 1, testTimeout: 60_000, hookTimeout: 120_000 };

const steady = [
  'adopt',
  'adopt-docker',
  'bad-input',
  'healing',
  'lab',
  'lab-unprivileged',
  'modes',
  'ping-matrix',
  'set-mode',
].map((name) => `test/cluster/${name}.test.ts`);
/** Minutes of killing, cutting off and evicting, real and simulated: `make faults`. Not yet part of `make test`. */
const faults = { include: ['test/cluster/**/*.test.ts', 'test/sim*.test.ts'], exclude: steady };

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
      { test: { name: 'cluster', include: steady, ...serial } },
      { test: { name: 'faults', ...faults, ...serial } },
    ],
  },
});
