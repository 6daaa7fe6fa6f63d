import { expect, test } from 'vitest';
import { cleaningUp, Interrupted } from './interrupt.ts';

test('work that ends well is not cleaned up', async () => {
  const cleaned: unknown[] = [];
  expect(
    await cleaningUp(
      async () => 7,
      async (cause) => void cleaned.push(cause),
    ),
  ).toBe(7);
  expect(cleaned).toEqual([]);
});

test('a failure is cleaned up, then thrown; what else is under way hears it first', async () => {
  const failure = new Error('no');
  let heard: unknown;
  const run = cleaningUp(
    async (signal) => {
      signal.addEventListener('abort', () => {
        heard = signal.reason;
      });
      throw failure;
    },
    async (cause) => expect([cause, heard]).toEqual([failure, failure]),
  );
  await expect(run).rejects.toBe(failure);
});

test('SIGTERM stops the work, is cleaned up once, and does not end the process however often it comes', async () => {
  const causes: unknown[] = [];
  const run = cleaningUp(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('a child was killed')));
        process.emit('SIGTERM', 'SIGTERM');
      }),
    async (cause) => {
      process.emit('SIGTERM', 'SIGTERM');
      causes.push(cause);
    },
  );
  await expect(run).rejects.toMatchObject({ name: 'Interrupted', exitCode: 143 });
  expect(causes).toHaveLength(1);
  expect(causes[0]).toBeInstanceOf(Interrupted);
  expect(process.listenerCount('SIGHUP')).toBe(0);
});

test('a Ctrl-C that comes with the last breath of the work still counts', async () => {
  const run = cleaningUp(
    async () => void process.emit('SIGINT', 'SIGINT'),
    async () => {},
  );
  await expect(run).rejects.toMatchObject({ exitCode: 130 });
});
