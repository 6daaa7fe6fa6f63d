import fs from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePair } from '#transport/test-certificates.ts';
import { runForTest } from './test-cli.ts';

let directory: string;
let server: https.Server;
let url: string;
const file = (name: string) => path.join(directory, name);

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-session-'));
  makePair(directory, 'controller', 'IP:10.0.0.1');
  makePair(directory, 'ann', 'URI:weft:operator:ann');
  const [cert, key] = ['controller.pem', 'controller.key'].map((name) => fs.readFileSync(file(name)));
  server = https.createServer({ cert, key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  fs.rmSync(directory, { recursive: true });
});

test.each([
  ['another authority’s', 'ann.pem', 'self-signed certificate'],
  ['another address’s', 'controller.pem', 'altnames'],
])('a controller with %s certificate is not trusted, and not called away', async (_, ca, reason) => {
  const tls = ['--tls-cert', file('ann.pem'), '--tls-key', file('ann.key'), '--tls-ca', file(ca)];
  const { code, stderr } = await runForTest(['network', 'ls', '--controller', url, ...tls]);
  expect(code).toBe(5);
  expect(stderr).toMatch(/^error: who answers at https:.* is not trusted/);
  expect(stderr).toContain(reason);
  expect(stderr).toMatch(/fix: check --tls-ca, and that the controller’s certificate is valid and names /);
});
