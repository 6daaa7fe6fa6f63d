import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isAlive, processRef, stopProcesses } from './processes.ts';

test('a process is known by pid and start time: the same pid with another start time is another process', () => {
  const self = processRef(process.pid)!;
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startTime: '1' })).toBe(false);
  expect(processRef(2 ** 22 + 1)).toBeUndefined();
});

test('asks to end, and ends who does not listen', async () => {
  const polite = spawn('sleep', ['60']);
  const deaf = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'], {
    detached: true,
  });
  await once(deaf.stdout, 'data');
  const ends = [polite, deaf].map(async (child) => (await once(child, 'exit'))[1]);
  await stopProcesses([processRef(polite.pid!)!, processRef(deaf.pid!)!]);
  expect(await Promise.all(ends)).toEqual(['SIGTERM', 'SIGKILL']);
});
