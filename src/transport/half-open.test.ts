import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { serve } from './server.ts';
import { makePair } from './test-certificates.ts';
import { readTlsFiles } from './tls.ts';

test('who has connected and says nothing does not keep a server from ending', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-tls-'));
  const tls = readTlsFiles(makePair(dir, 'localhost'));
  const server = await serve({ kind: 'tcp', host: '127.0.0.1', port: 17491, tls: true }, () => {}, { tls });
  const silent = net.connect(17491, '127.0.0.1');
  silent.on('error', () => {});
  await new Promise((resolve) => silent.once('connect', resolve));
  await sleep(50);
  const ended = await Promise.race([server.close().then(() => 'ended'), sleep(10_000, 'still there')]);
  silent.destroy();
  fs.rmSync(dir, { recursive: true });
  expect(ended).toBe('ended');
});
