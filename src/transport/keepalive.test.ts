import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { serve } from './server.ts';

test('a connection whose other end has lost its power is noticed', async () => {
  const server = await serve({ kind: 'tcp', host: '127.0.0.1', port: 17492, tls: false }, () => {});
  const idle = net.connect(17492, '127.0.0.1');
  await new Promise((resolve) => idle.once('connect', resolve));
  await sleep(50);
  // proc(5): the server's end of the established connection; 02 is a keepalive timer, 00 none at all.
  const rows = fs
    .readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const own = rows.find(
    (row) => row[1] === `0100007F:${(17492).toString(16).toUpperCase()}` && row[3] === '01',
  );
  idle.destroy();
  await server.close();
  expect(own?.[5]).toMatch(/^02:/);
});
