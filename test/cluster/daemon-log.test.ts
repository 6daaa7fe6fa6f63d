import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { until } from '../world/world.ts';
import { buildIfStale, outcomeOf, PROGRAM, sendToGroup, startCommand, weft } from './lab-cli.ts';

/** A daemon whose log cannot be written goes on, and ends when it is told to. */

let root: string;
beforeAll(buildIfStale);
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'weft-daemon-log-'));
});
afterEach(() => rmSync(root, { recursive: true }));

test.each([
  ['on a full disk', '>/dev/full'],
  ['to a terminal that is gone', '1</dev/null'],
])('%s', async (_, log) => {
  const start = [process.execPath, PROGRAM, 'controller', '--root', root];
  const child = startCommand(['sh', '-c', `exec "$@" ${log}`, 'sh', ...start]);
  const ended = outcomeOf(child);
  try {
    await until('it answers', async () => (await weft(['network', 'ls', '--root', root])).code === 0);
    expect(await weft(['network', 'create', 'web', '--root', root])).toMatchObject({ code: 0 });
    sendToGroup(child, 'SIGTERM');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  } finally {
    sendToGroup(child, 'SIGKILL');
  }
});
