import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { processesIn } from '#lab/processes.ts';
import { withNamespaces } from './netlink-lab.ts';

/** As an agent does for a moment, for ever. */
const stayIn = (namespace: string): string => `
  const setns = require('koffi').load('libc.so.6').func('int setns(int, int)');
  setns(require('fs').openSync('/run/netns/${namespace}'), 0);
  console.log('there');
  setInterval(() => {}, 1000);`;

test('a process is found where it lives, while its first thread is in another namespace', () =>
  withNamespaces(2, async (home, other) => {
    const child = spawn('ip', ['netns', 'exec', home.name, process.execPath, '-e', stayIn(other.name)]);
    try {
      await once(child.stdout, 'data');
      expect(processesIn([home.name]).map(({ pid }) => pid)).toEqual([child.pid]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }));
