import http from 'node:http';
import https from 'node:https';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AgentService } from '#api/gen/weft/v1/agent_pb.ts';
import { ControllerService } from '#api/gen/weft/v1/controller_pb.ts';
import { HOST_HEADER } from '#api/principal.ts';
import { API_VERSION, API_VERSION_HEADER } from '#api/version.ts';
import type { Address } from './address.ts';
import type { TlsFiles } from './tls.ts';

/** Both services of one server; calling one that it does not have is an Unimplemented error. */
export interface Clients {
  readonly controller: Client<typeof ControllerService>;
  readonly agent: Client<typeof AgentService>;
  /** Ends kept-alive connections. */
  close(): void;
}

export interface ClientOptions {
  /** Speak for this host (on a trusted local socket). */
  readonly host?: string;
  readonly tls?: TlsFiles;
}

/** No connection is made until the first call. */
export function createClients(address: Address, { host, tls }: ClientOptions = {}): Clients {
  const options = { keepAlive: true, maxSockets: 256, ...tls };
  const secure = address.kind === 'tcp' && address.tls;
  const agent = secure ? new https.Agent(options) : new http.Agent(options);
  const identify: Interceptor = (next) => (request) => {
    request.header.set(API_VERSION_HEADER, String(API_VERSION));
    if (host) request.header.set(HOST_HEADER, host);
    return next(request);
  };
  const transport = createConnectTransport({
    httpVersion: '1.1',
    baseUrl: baseUrl(address),
    interceptors: [identify],
    nodeOptions: {
      agent,
      ...(address.kind === 'unix' && { socketPath: address.path }),
    },
  });
  return {
    controller: createClient(ControllerService, transport),
    agent: createClient(AgentService, transport),
    close: () => agent.destroy(),
  };
}

const baseUrl = (address: Address): string => {
  if (address.kind === 'unix') return 'http://localhost';
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.tls ? 'https' : 'http'}://${host}:${address.port}`;
};
