import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ControllerService } from '#api/gen/weft/v1/controller_pb.ts';
import { principalKey } from '#api/principal.ts';
import { API_VERSION_HEADER } from '#api/version.ts';
import type { Address } from './address.ts';
import type { Router } from './answer-calls.ts';
import { createClients } from './client.ts';
import { ListenError, type ServeOptions, type Server, serve } from './server.ts';
import { makeAuthority } from './test-certificates.ts';

let dir: string;
const servers: Server[] = [];

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-transport-'));
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  fs.rmSync(dir, { recursive: true });
});

const METRICS = { contentType: 'text/plain; version=0.0.4', metrics: async () => 'weft_test 1\n' };

/** Says who asked, as its version. */
const whoAmI = (router: Router): void => {
  router.service(ControllerService, {
    hello: (_request, { values }) => ({ version: JSON.stringify(values.get(principalKey)) }),
  });
};

async function start(address: Address, tls?: ServeOptions['tls'], more?: ServeOptions): Promise<Address> {
  servers.push(await serve(address, whoAmI, { tls, metrics: METRICS, ...more }));
  return address;
}

const unix = (name = 'a.sock'): Address => ({ kind: 'unix', path: path.join(dir, name) });

async function ask(address: Address, options?: Parameters<typeof createClients>[1]): Promise<unknown> {
  const clients = createClients(address, options);
  try {
    return JSON.parse((await clients.controller.hello({})).version);
  } finally {
    clients.close();
  }
}

/** The Connect error that a raw request gets. */
function post(
  socketPath: string,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        socketPath,
        method: 'POST',
        path: '/weft.v1.ControllerService/Hello',
        headers: { 'content-type': 'application/json', ...headers },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode!, text }));
      },
    );
    request.on('error', reject);
    // An answer may come while we still write: the late EPIPE is the socket's.
    request.on('socket', (socket) => socket.on('error', () => {}));
    request.end(body);
  });
}

describe('a unix socket', () => {
  test('is for root alone, and goes with its server', async () => {
    const address = await start(unix());
    const file = path.join(dir, 'a.sock');
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(await ask(address)).toEqual({ role: 'operator', name: 'local' });
    expect(await ask(address, { host: 'h1' })).toEqual({ role: 'host', name: 'h1' });
    await servers.pop()!.close();
    expect(fs.existsSync(file)).toBe(false);
  });

  test('what is no socket is left as it is', async () => {
    const directory = path.join(dir, 'directory');
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(dir, 'notes.txt'), 'precious');
    fs.symlinkSync('notes.txt', path.join(dir, 'link'));
    for (const name of ['notes.txt', 'link', 'directory', 'notes.txt/a.sock']) {
      const refused = start(unix(name)).catch((error: unknown) => error);
      expect(await refused, name).toBeInstanceOf(ListenError);
    }
    await expect(start(unix('directory'))).rejects.toMatchObject({
      message: `cannot listen on ${directory}: a directory is there, which is no socket`,
      next: 'move it away, or choose another path',
    });
    expect(fs.readFileSync(path.join(dir, 'link'), 'utf8')).toBe('precious');
    expect(fs.readdirSync(dir).sort()).toEqual(['directory', 'link', 'notes.txt']);
  });

  test('of a killed process is taken over, of a living one not', async () => {
    const file = path.join(dir, 'a.sock');
    const child = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(file)}, () => console.log('listening'))`,
    ]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await expect(start(unix())).rejects.toThrow(/in use by a running program/);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('exit', resolve));
    expect(fs.existsSync(file)).toBe(true);
    expect(await ask(await start(unix()))).toMatchObject({ role: 'operator' });
  });

  test('refuses another API version with the reason', async () => {
    await start(unix());
    const file = path.join(dir, 'a.sock');
    for (const version of ['2', '999', '0', 'x'.repeat(1000), '1.5']) {
      const { status, text } = await post(file, Buffer.from('{}'), { [API_VERSION_HEADER]: version });
      expect(status, version).toBe(400);
      expect(text).toMatch(/failed_precondition.*speaks API version/);
    }
    expect((await post(file, Buffer.from('{}'), { [API_VERSION_HEADER]: '1' })).status).toBe(200);
    expect((await post(file, Buffer.from('{}'))).status).toBe(200);
  });

  test('refuses a request of 100 MiB and stays up', async () => {
    await start(unix());
    const big = Buffer.alloc(100 << 20, 'x');
    // The server may answer before all is sent, or cut the connection: both are refusals.
    const outcome = await post(path.join(dir, 'a.sock'), big).catch((error: NodeJS.ErrnoException) => ({
      status: 0,
      text: String(error.code),
    }));
    expect(outcome.text).toMatch(/resource_exhausted|EPIPE|ECONNRESET/);
    expect((await post(path.join(dir, 'a.sock'), Buffer.from('{}'))).status).toBe(200);
  });

  test('answers rubbish with an error', async () => {
    await start(unix());
    const { status, text } = await post(path.join(dir, 'a.sock'), Buffer.from('{"nonsense"'));
    expect(status).toBe(400);
    expect(text).toMatch(/invalid_argument/);
  });
});

describe('TCP', () => {
  test('in plain text stays on this machine', async () => {
    await expect(start({ kind: 'tcp', host: '0.0.0.0', port: 17470, tls: false })).rejects.toThrow(
      ListenError,
    );
    await expect(start({ kind: 'tcp', host: '10.0.0.1', port: 17470, tls: true })).rejects.toThrow(
      /certificates/,
    );
    const address = await start({ kind: 'tcp', host: '127.0.0.1', port: 17471, tls: false });
    expect(await ask(address)).toEqual({ role: 'operator', name: 'local' });
  });

  test('under TLS takes the word of certificates only', async () => {
    const tls = makeAuthority(dir);
    const address: Address = { kind: 'tcp', host: 'localhost', port: 17472, tls: true };
    const refused: string[] = [];
    const onRefused = (why: string) => refused.push(why);
    await start(address, tls('server', 'URI:weft:host:server,DNS:localhost'), { onRefused });
    const h1 = tls('h1', 'URI:weft:host:h1');
    expect(await ask(address, { tls: h1 })).toEqual({ role: 'host', name: 'h1' });
    // The header that a local socket believes counts for nothing here.
    expect(await ask(address, { tls: h1, host: 'h2' })).toEqual({ role: 'host', name: 'h1' });
    expect(await ask(address, { tls: tls('ann', 'URI:weft:operator:ann') })).toEqual({
      role: 'operator',
      name: 'ann',
    });
    await expect(ask(address, { tls: tls('nobody', 'DNS:nobody') })).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
    const stranger = makeAuthority(fs.mkdtempSync(path.join(dir, 'other-')))('h1', 'URI:weft:host:h1');
    await expect(ask(address, { tls: { ...stranger, ca: h1.ca } })).rejects.toMatchObject({
      code: Code.Aborted,
      rawMessage: expect.stringContaining('does not take this certificate'),
    });
    expect(refused).toEqual([expect.stringContaining('UNABLE_TO_')]);
  });

  test('under TLS says whose certificate it is that ran out', async () => {
    const tls = makeAuthority(dir);
    const OVER = ['-days', '-1'];
    const server = 'URI:weft:host:server,DNS:localhost';
    const well: Address = { kind: 'tcp', host: 'localhost', port: 17473, tls: true };
    const over: Address = { kind: 'tcp', host: 'localhost', port: 17474, tls: true };
    await start(well, tls('server', server));
    await start(over, tls('late', server, OVER));
    await expect(ask(well, { tls: tls('h1', 'URI:weft:host:h1', OVER) })).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringMatching(/^this side’s own certificate ran out at 20/),
    });
    await expect(ask(over, { tls: tls('h2', 'URI:weft:host:h2') })).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: 'who answers is not trusted: certificate has expired',
    });
  });
});

test('metrics are told by a plain GET, and nothing else is', async () => {
  const { path: socketPath } = (await start(unix())) as Extract<Address, { kind: 'unix' }>;
  const get = (path: string) =>
    new Promise<{ status?: number; type?: string; text: string }>((resolve, reject) => {
      const request = http.get({ socketPath, path }, async (response) => {
        let text = '';
        for await (const part of response) text += part;
        resolve({ status: response.statusCode, type: response.headers['content-type'], text });
      });
      request.on('error', reject);
    });
  expect(await get('/metrics')).toEqual({ status: 200, type: METRICS.contentType, text: 'weft_test 1\n' });
  expect(await get('/metrics/more')).toMatchObject({ status: 404 });
});
