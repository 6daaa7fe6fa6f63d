import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { PluginError } from './plugin-error.ts';
import { method, type PluginMethods, plainMethod } from './plugin-method.ts';
import { type PluginServer, servePlugin } from './plugin-server.ts';

let directory: string;
let socket: string;
let server: PluginServer | undefined;
const log = pino({ level: 'silent' });

const METHODS: PluginMethods = {
  'Plugin.Activate': plainMethod({ Implements: ['NetworkDriver'] }),
  'Test.Echo': method(z.object({ Text: z.string() }), ({ Text }) => ({ Text })),
  'Test.Refuse': method(z.object({}), () => {
    throw new PluginError('no; do it otherwise');
  }),
  'Test.Hang': method(z.object({}), () => new Promise(() => {})),
  'Test.Wait': async (_, signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    throw new PluginError('the controller did not come');
  },
};

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-plugin-'));
  socket = path.join(directory, 'plugins/weft.sock');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  fs.rmSync(directory, { recursive: true });
});

const start = async (options = {}) => {
  server = await servePlugin(socket, METHODS, log, options);
};

/** As dockerd asks: no Content-Type, and a host that is none. */
function call(name: string, body = '', verb = 'POST'): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/vnd.docker.plugins.v1.2+json', host: 'plugin.moby.localhost' };
    const request = http.request(
      { socketPath: socket, method: verb, path: `/${name}`, headers },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) }));
      },
    );
    request.on('error', reject).end(body);
  });
}

const failed = (text: string) => ({ status: 500, body: { Err: text, Error: text } });

describe('a plugin', () => {
  it('answers calls with and without arguments', async () => {
    await start();
    expect(await call('Plugin.Activate')).toEqual({ status: 200, body: { Implements: ['NetworkDriver'] } });
    expect(await call('Test.Echo', '{"Text":"hello","New":[1]}\n')).toEqual({
      status: 200,
      body: { Text: 'hello' },
    });
  });

  it('says why not under the key of either half of dockerd', async () => {
    await start();
    expect(await call('Test.Refuse', '{}')).toEqual(failed('no; do it otherwise'));
  });

  it('takes an empty body for a call whose arguments were lost, and nothing for what it is not', async () => {
    await start();
    expect(await call('Test.Echo')).toEqual(failed('the request has no body; try again'));
    expect(await call('Test.Echo', '{"Text":')).toEqual(failed('the body of the request is not JSON'));
    expect((await call('Test.Echo', 'null')).status).toBe(500);
    expect((await call('Test.Echo', '{"Text":7}')).body).toMatchObject({
      Err: expect.stringMatching(/^this is no .*Text/),
    });
  });

  it('reads no more than a request has', async () => {
    await start();
    const answer = await call('Test.Echo', `{"Text":"${'x'.repeat(2 << 20)}"}`).catch(() => undefined);
    if (answer) expect(answer.status).toBe(500);
    expect((await call('Plugin.Activate')).status).toBe(200);
  });

  it('has no other methods, which dockerd takes for absent', async () => {
    await start();
    for (const name of ['NetworkDriver.Unknown', 'constructor', 'toString', '', '%00', '../x'])
      expect((await call(name, '{}')).status).toBe(404);
    expect((await call('Plugin.Activate', '', 'GET')).status).toBe(404);
  });

  it('answers for what hangs', async () => {
    await start({ limitMs: 50 });
    const { status, body } = await call('Test.Hang', '{}');
    expect(status).toBe(500);
    expect(body).toMatchObject({ Err: expect.stringContaining('weft status') });
    expect(await call('Test.Wait')).toEqual(failed('the controller did not come'));
  });
});

describe('its socket', () => {
  it('is only for root, and goes with a clean end', async () => {
    await start();
    expect(fs.statSync(socket).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(path.dirname(socket))).toEqual(['weft.sock']);
    await server!.close();
    expect(fs.readdirSync(path.dirname(socket))).toEqual([]);
  });

  it('takes the place of a dead one, and not of a live one', async () => {
    fs.mkdirSync(path.dirname(socket));
    const dead = net.createServer().listen(`${socket}.tmp`);
    await new Promise((resolve) => dead.once('listening', resolve));
    fs.renameSync(`${socket}.tmp`, socket);
    await expect(servePlugin(socket, METHODS, log)).rejects.toThrow('in use');
    await new Promise((resolve) => dead.close(resolve));
    expect(fs.existsSync(socket)).toBe(true);
    await start();
    expect((await call('Plugin.Activate')).status).toBe(200);
  });

  // Docker makes a directory of a bind mount whose source is not there yet.
  it.each(['directory', 'file'])(
    'leaves a %s in its place as it is, and keeps no process for it',
    async (what) => {
      fs.mkdirSync(what === 'file' ? path.dirname(socket) : socket, { recursive: true });
      if (what === 'file') fs.writeFileSync(socket, 'precious');
      await expect(servePlugin(socket, METHODS, log)).rejects.toThrow(
        `${socket} is there, and is no socket: move it away`,
      );
      expect(fs.readdirSync(path.dirname(socket))).toEqual(['weft.sock']);
      if (what === 'file') expect(fs.readFileSync(socket, 'utf8')).toBe('precious');
    },
  );

  it('comes back when somebody has removed it', async () => {
    await start({ checkMs: 10 });
    fs.rmSync(path.dirname(socket), { recursive: true });
    for (let i = 0; !fs.existsSync(socket) && i < 2_000; i++) await sleep(10);
    expect((await call('Plugin.Activate')).status).toBe(200);
    await server!.close();
    expect(fs.existsSync(socket)).toBe(false);
  });
});
