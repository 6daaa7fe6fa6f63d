import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execPath } from 'node:process';
import { expect, test } from 'vitest';
import { until } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

test('an agent that dies in the middle of a word does not take the resolver with it', async () => {
  buildIfStale();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-resolver-'));
  const socket = path.join(directory, 'names.sock');
  const resolver = spawn(execPath, [path.join(path.dirname(PROGRAM), 'resolver.js'), socket]);
  const greeted = async () => {
    const agent = net.connect(socket);
    try {
      await once(agent, 'data', { signal: AbortSignal.timeout(2_000) });
      return agent;
    } catch (error) {
      agent.destroy();
      throw error;
    }
  };
  try {
    // The file is there a moment earlier.
    await until('it listens', async () => (await greeted()).destroy().destroyed);
    const agent = await greeted();
    agent.end('{"say":"whole-begins"}\n{"say":"names","networks":[],"endpo');
    await once(agent, 'close');
    (await greeted()).destroy();
    expect(resolver.exitCode).toBe(null);
  } finally {
    resolver.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true });
  }
});
