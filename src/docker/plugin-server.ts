import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import type { Logger } from 'pino';
import { lookAtSocketFile } from '#transport/socket-file.ts';
import { PluginError } from './plugin-error.ts';
import type { PluginMethods } from './plugin-method.ts';

/** dockerd has no limit of its own: what hangs here hangs `docker run`, and other containers behind its locks. */
const ANSWER_LIMIT_MS = 9_000;
/** The largest real request, a CreateNetwork with many options, has a few KiB. */
const MAX_BODY_BYTES = 1 << 20;
/** Somebody may have emptied /run/docker; dockerd finds the plugin by this file only. */
const SOCKET_CHECK_MS = 5_000;
/** What Docker's own plugins answer with; dockerd does not look. */
const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.1+json';

export interface PluginServer {
  close(): Promise<void>;
}

/**
 * Docker's plugin protocol (docs.docker.com/engine/extend/plugin_api): `POST /Type.Method` on a unix socket that
 * dockerd finds by its name. The file appears by rename, so that dockerd never meets one that nobody listens on, and
 * goes with a clean end: a dead one costs dockerd half a minute a look-up. Rejects when another live process has it.
 */
export async function servePlugin(
  socket: string,
  methods: PluginMethods,
  log: Logger,
  { limitMs = ANSWER_LIMIT_MS, checkMs = SOCKET_CHECK_MS } = {},
): Promise<PluginServer> {
  const server = http.createServer((request, response) => void answer(request, response));
  server.keepAliveTimeout = 0;
  const listeners = new Set<http.Server>([server]);

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const call = (request.url ?? '').slice(1);
    const start = performance.now();
    const outcome = await outcomeOf(call, request);
    const ms = Math.round((performance.now() - start) * 100) / 100;
    if (outcome.status === 500) log.warn({ call, ms, error: outcome.text }, 'a call of Docker is refused');
    else log.debug({ call, ms, status: outcome.status }, 'a call of Docker');
    if (response.destroyed) return;
    response.writeHead(outcome.status, { 'content-type': CONTENT_TYPE }).end(outcome.body);
  }

  async function outcomeOf(call: string, request: http.IncomingMessage): Promise<Outcome> {
    // dockerd takes 404 for "this plugin has no such method".
    if (request.method !== 'POST' || !Object.hasOwn(methods, call)) return failed(404, `no method ${call}`);
    try {
      const body = await readBody(request);
      return {
        status: 200,
        body: JSON.stringify(await within(limitMs, (signal) => methods[call]!(body, signal))),
      };
    } catch (error) {
      if (!(error instanceof PluginError))
        log.error({ call, error: (error as Error).stack }, 'a call failed');
      return failed(500, (error as Error).message);
    }
  }

  let inode = await listen(server, socket);
  const check = setInterval(() => void stay(), checkMs);

  /** A file that was removed cannot be put back: the same server listens on a new one. */
  async function stay(): Promise<void> {
    if (inodeOf(socket) === inode) return;
    const again = http.createServer((request, response) => void answer(request, response));
    again.keepAliveTimeout = 0;
    try {
      inode = await listen(again, socket);
      listeners.add(again);
      log.warn({ socket }, 'the socket for Docker was gone, and is there again');
    } catch (error) {
      log.error({ socket, error: (error as Error).message }, 'the socket for Docker is gone');
    }
  }

  return {
    async close() {
      clearInterval(check);
      if (inodeOf(socket) === inode) fs.rmSync(socket, { force: true });
      for (const each of listeners) await closeServer(each);
    },
  };
}

interface Outcome {
  readonly status: number;
  readonly body: string;
  readonly text?: string;
}

/** Each half of dockerd reads its own key. */
const failed = (status: number, text: string): Outcome => ({
  status,
  text,
  body: JSON.stringify({ Err: text, Error: text }),
});

async function within(limitMs: number, run: (signal: AbortSignal) => Promise<object>): Promise<object> {
  const end = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      end.abort();
      const error = new PluginError(
        `Weft's agent did not get this done within ${limitMs / 1000} s; see what \`weft status\` says, and try again`,
      );
      // What stops waiting for that may say what it was that it waited for.
      setImmediate(() => reject(error));
    }, limitMs);
  });
  try {
    return await Promise.race([run(end.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new PluginError(`the request has more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Gives the inode of the file. Where it throws, nothing of the server stays: it would keep the process. */
async function listen(server: http.Server, socket: string): Promise<number> {
  fs.mkdirSync(path.dirname(socket), { recursive: true, mode: 0o755 });
  const there = await lookAtSocketFile(socket);
  if (there === 'directory' || there === 'file')
    throw new Error(`${socket} is there, and is no socket: move it away`);
  if (there === 'alive') throw new Error(`${socket} is in use by a running program`);
  const temporary = `${socket}.${process.pid}`;
  fs.rmSync(temporary, { force: true });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(temporary, () => resolve(void server.off('error', reject)));
    });
    fs.renameSync(temporary, socket);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    process.umask(umask);
  }
  return inodeOf(socket)!;
}

const inodeOf = (file: string): number | undefined => fs.statSync(file, { throwIfNoEntry: false })?.ino;

async function closeServer(server: http.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
