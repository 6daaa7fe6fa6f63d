import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AgentEvent } from './event.ts';
import { ResolverLink } from './resolver-link.ts';

let dir: string;
let others: NodeJS.UncaughtExceptionListener[];
const errors: string[] = [];

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-link-'));
  others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => void errors.push(String(error)));
});

afterEach(() => {
  process.removeAllListeners('uncaughtException');
  for (const other of others) process.on('uncaughtException', other);
  fs.rmSync(dir, { recursive: true, force: true });
});

function linkTo(socket: string): { link: ResolverLink; events: AgentEvent[] } {
  const events: AgentEvent[] = [];
  const dispatch = (event: AgentEvent) => void events.push(event);
  const log = pino({ level: 'silent' });
  return { link: new ResolverLink({ socket, command: [process.execPath, '-e', ''], dispatch, log }), events };
}

test('a resolver that is killed in the middle of a word is gone, and no more', async () => {
  const socket = path.join(dir, 'names.sock');
  const resolver = net.createServer((agent) => agent.end('{"say":"sockets","pid":7,"sock'));
  await new Promise<void>((resolve) => resolver.listen(socket, resolve));
  const { link, events } = linkTo(socket);
  await link.call();
  await expect.poll(() => events.length, { timeout: 10_000 }).toBe(1);
  await sleep(100);
  link.close();
  resolver.close();
  expect(errors).toEqual([]);
  expect(events).toEqual([{ event: 'resolver-gone' }]);
});

test('where no resolver can be started there is none', async () => {
  const { link, events } = linkTo(path.join(dir, 'emptied', 'names.sock'));
  await link.call();
  link.close();
  expect(events).toEqual([{ event: 'resolver-gone' }]);
});
