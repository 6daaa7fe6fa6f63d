import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import path from 'node:path';
import { TLSSocket } from 'node:tls';
import { Code, ConnectError, type ContextValues, createContextValues } from '@connectrpc/connect';
import { HOST_HEADER, type Principal, principalKey } from '#api/principal.ts';
import { API_VERSION_HEADER, refuseVersion } from '#api/version.ts';
import { type Address, formatAddress, isLoopback } from './address.ts';
import { answerCalls, type Router } from './answer-calls.ts';
import { lookAtSocketFile, type SocketFile } from './socket-file.ts';
import { peerPrincipal, type TlsFiles } from './tls.ts';

export interface Server {
  close(): Promise<void>;
}

/** A registry of prom-client. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface ServeOptions {
  readonly tls?: TlsFiles;
  /** What `GET /metrics` answers; without it nobody does. */
  readonly metrics?: MetricsSource;
  /** Told why somebody's certificate was not taken, in the words of OpenSSL: they themselves are only cut off. */
  readonly onRefused?: (why: string) => void;
}

/** One whose other end lost its power says nothing for ever, and we ask nothing of it. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 30_000 };

export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly next: string;
  /** As scripts hear of it (cli/exit-code.ts). */
  readonly exit: 'failed' | 'usage';

  constructor(message: string, next: string, exit: ListenError['exit'] = 'failed') {
    super(message);
    this.next = next;
    this.exit = exit;
  }
}

/**
 * Serves on a unix socket (mode 0600, taken over from a dead process), plain TCP on loopback, or mTLS anywhere.
 * Every request has a principal before any handler sees it. Throws {@link ListenError}.
 */
export async function serve(
  address: Address,
  routes: (router: Router) => void,
  { tls, metrics, onRefused }: ServeOptions = {},
): Promise<Server> {
  if (address.kind === 'tcp' && !address.tls && !isLoopback(address.host))
    throw new ListenError(
      `${formatAddress(address)} would carry plain text across machines`,
      'listen on https:// with certificates, on loopback, or on a unix socket',
      'usage',
    );
  if (address.kind === 'tcp' && address.tls && !tls)
    throw new ListenError(
      `${formatAddress(address)} needs certificates`,
      'give --tls-cert, --tls-key and --tls-ca',
      'usage',
    );
  const answer = answerCalls(routes, admitRequest);
  const handler: http.RequestListener = (request, response) =>
    metrics && request.method === 'GET' && request.url === '/metrics'
      ? void answerMetrics(metrics, request, response)
      : answer(request, response);
  const secure = address.kind === 'tcp' && address.tls;
  const server = secure
    ? https.createServer({ ...tls, ...KEEP_ALIVE, requestCert: true, rejectUnauthorized: true }, handler)
    : http.createServer(KEEP_ALIVE, handler);
  // Our clients keep connections for as long as they like; one closed under a request would look like a refusal.
  server.keepAliveTimeout = 0;
  server.on('tlsClientError', (_error, { authorizationError: why }: TLSSocket) => {
    if (why) onRefused?.(String(why));
  });
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await listen(server, address);
  return { close: () => closeServer(server, address, sockets) };
}

/** To whoever may ask at all: who scrapes over TLS has a certificate of its own. */
async function answerMetrics(
  metrics: MetricsSource,
  { socket, headers }: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  if (!principalOf(socket, headers)) {
    response.writeHead(401).end();
    return;
  }
  try {
    response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.metrics());
  } catch (error) {
    response.destroy(error as Error);
  }
}

function admitRequest({ headers, socket }: http.IncomingMessage): ContextValues {
  const version = headers[API_VERSION_HEADER];
  const refusal = refuseVersion(version === undefined ? null : String(version));
  if (refusal) throw new ConnectError(refusal, Code.FailedPrecondition);
  const principal = principalOf(socket, headers);
  if (principal) return createContextValues().set(principalKey, principal);
  throw new ConnectError(
    'the certificate names nobody (URI weft:host:NAME or weft:operator:NAME)',
    Code.Unauthenticated,
  );
}

/** A plain socket is only reachable by this machine's root (0600) or on loopback: there the header is believed. */
function principalOf(socket: net.Socket, headers: http.IncomingHttpHeaders): Principal | undefined {
  if (socket instanceof TLSSocket) return peerPrincipal(socket);
  const host = headers[HOST_HEADER];
  return typeof host === 'string' ? { role: 'host', name: host } : { role: 'operator', name: 'local' };
}

async function listen(server: http.Server, address: Address): Promise<void> {
  if (address.kind === 'unix') await takeOverSocket(address.path);
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const done = () => {
        server.off('error', reject);
        resolve();
      };
      if (address.kind === 'unix') server.listen(address.path, done);
      else server.listen(address.port, address.host, done);
    });
  } catch (error) {
    throw new ListenError(
      `cannot listen on ${formatAddress(address)}: ${(error as Error).message}`,
      'stop the other program there, or choose another address',
    );
  } finally {
    process.umask(umask);
  }
}

/**
 * A socket file whose owner was killed is removed; one that still answers is somebody's, and so is what is no socket: a
 * file that was named by mistake, or the directory that Docker makes of a bind mount whose source is not there.
 */
async function takeOverSocket(socketPath: string): Promise<void> {
  let there: SocketFile;
  try {
    fs.mkdirSync(path.dirname(socketPath), { recursive: true, mode: 0o755 });
    there = await lookAtSocketFile(socketPath);
  } catch (error) {
    throw new ListenError(
      `cannot listen on ${socketPath}: ${(error as Error).message}`,
      'choose another path, or mend this one',
    );
  }
  if (there === 'directory' || there === 'file')
    throw new ListenError(
      `cannot listen on ${socketPath}: a ${there} is there, which is no socket`,
      'move it away, or choose another path',
    );
  if (there === 'alive')
    throw new ListenError(
      `${socketPath} is in use by a running program`,
      'stop it first, or give this one another --root',
    );
  if (there === 'dead') fs.rmSync(socketPath, { force: true });
}

async function closeServer(
  server: http.Server,
  address: Address,
  sockets: ReadonlySet<net.Socket>,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  // Who has not shaken hands yet is no connection of HTTP's, and has two minutes for that.
  for (const socket of sockets) socket.destroy();
  await closed;
  if (address.kind === 'unix') fs.rmSync(address.path, { force: true });
}
