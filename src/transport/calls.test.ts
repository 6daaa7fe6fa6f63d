import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Code, ConnectError, createClient, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ControllerService } from '#api/gen/weft/v1/controller_pb.ts';
import { rejectionFromError, rejectionToError } from '#api/rejection.ts';
import { fault, reject } from '#model/fault.ts';
import { type Clients, createClients } from './client.ts';
import { serve } from './server.ts';

/** Longer than a piece of what a socket gives. */
const LONG = 'x'.repeat(300_000);
const refused = reject('conflict', fault('endpoint', 'a', 'is taken', 'choose another'));

let socketPath: string;
let stops: (() => unknown)[] = [];
let gone: Promise<unknown>;

const service: Partial<ServiceImpl<typeof ControllerService>> = {
  hello: () => ({ version: 'ü', hostName: LONG }),
  createNetwork: () => {
    throw rejectionToError(refused);
  },
  removeNetwork: () => {
    throw new Error('inside');
  },
  changeNetwork: () => new Promise<never>(() => {}),
  async *follow({ host }, { signal }) {
    gone = once(signal, 'abort');
    for (let revision = 1n; revision <= 3n; revision++)
      yield { message: { case: 'beat' as const, value: { revision } } };
    if (host === 'patient') await gone;
    if (host === 'refused') throw rejectionToError(refused);
  },
};

beforeEach(() => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-calls-'));
  socketPath = path.join(dir, 's');
  stops = [() => fs.rmSync(dir, { recursive: true })];
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
});

async function serveOurs(): Promise<void> {
  const server = await serve({ kind: 'unix', path: socketPath }, (router) =>
    router.service(ControllerService, service),
  );
  stops.push(() => server.close());
}

/** Connect's own. */
async function serveTheirs(): Promise<void> {
  const routes = connectNodeAdapter({ routes: (router) => void router.service(ControllerService, service) });
  const server = http.createServer(routes).listen(socketPath);
  await once(server, 'listening');
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
}

function clientOfOurs(): Clients['controller'] {
  const clients = createClients({ kind: 'unix', path: socketPath });
  stops.push(() => clients.close());
  return clients.controller;
}

const clientOfTheirs = (useBinaryFormat: boolean): Clients['controller'] =>
  createClient(
    ControllerService,
    createConnectTransport({
      ...{ httpVersion: '1.1', baseUrl: 'http://localhost', useBinaryFormat },
      nodeOptions: { socketPath },
    }),
  );

const pairs: [string, () => Promise<void>, () => Clients['controller']][] = [
  ['we and we', serveOurs, clientOfOurs],
  ['their client', serveOurs, () => clientOfTheirs(true)],
  ['their client in JSON', serveOurs, () => clientOfTheirs(false)],
  ['their server', serveTheirs, clientOfOurs],
];

describe.each(pairs)('%s', (_, serveIt, clientOf) => {
  let client: Clients['controller'];
  beforeEach(async () => {
    await serveIt();
    client = clientOf();
  });

  test('calls are answered, or refused with the reason', async () => {
    expect(await client.hello({})).toMatchObject({ version: 'ü', hostName: LONG });
    const error = await client.createNetwork({}).catch((error) => error);
    expect(error).toMatchObject({ code: Code.AlreadyExists });
    expect(rejectionFromError(error)).toEqual(refused);
    await expect(client.removeNetwork({})).rejects.toMatchObject({
      code: Code.Internal,
      rawMessage: 'internal error',
    });
    await expect(client.addPeer({})).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test('a call that takes too long is given up', async () => {
    await expect(client.changeNetwork({}, { timeoutMs: 50 })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
  });

  test('a stream is heard to its end, or to why it ended', async () => {
    const follow = async (host: string): Promise<unknown[]> => {
      const heard: unknown[] = [];
      try {
        for await (const { message } of client.follow({ host })) heard.push(message.value?.revision);
      } catch (error) {
        heard.push(ConnectError.from(error).code);
      }
      return heard;
    };
    expect(await follow('h1')).toEqual([1n, 2n, 3n]);
    expect(await follow('refused')).toEqual([1n, 2n, 3n, Code.AlreadyExists]);
  });

  test('who gives up a stream is told so, and so is the other end', async () => {
    const stop = new AbortController();
    const stream = client.follow({ host: 'patient' }, { signal: stop.signal })[Symbol.asyncIterator]();
    for (let heard = 0; heard < 3; heard++) await stream.next();
    const next = stream.next();
    stop.abort(new Error('enough'));
    await expect(next).rejects.toMatchObject({
      code: Code.Canceled,
      rawMessage: expect.stringContaining('enough'),
    });
    await gone;
  });
});

test('a server that goes breaks streams off', async () => {
  await serveOurs();
  const stream = clientOfOurs().follow({ host: 'patient' })[Symbol.asyncIterator]();
  await stream.next();
  await stops.pop()!();
  await stops.pop()!();
  const rest = async () => {
    while (!(await stream.next()).done);
  };
  await expect(rest()).rejects.toMatchObject({ code: Code.Aborted });
});

test('what is no call of ours is refused by HTTP', async () => {
  await serveOurs();
  const status = (method: string, at: string, type: string, encoding = 'identity') =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-encoding': encoding };
      const request = http.request({ socketPath, method, path: at, headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      });
      request.on('error', reject).end('{}');
    });
  const hello = '/weft.v1.ControllerService/Hello';
  expect(await status('POST', hello, 'application/json; charset=utf-8')).toBe(200);
  expect(await status('POST', `${hello}x`, 'application/json')).toBe(404);
  expect(await status('PUT', hello, 'application/json')).toBe(405);
  expect(await status('POST', hello, 'text/plain')).toBe(415);
  expect(await status('POST', hello, 'application/connect+json')).toBe(415);
  expect(await status('POST', hello, 'application/json', 'gzip')).toBe(501);
});
