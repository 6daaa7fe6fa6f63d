import http from 'node:http';
import https from 'node:https';
import { type Client, createClient } from '@connectrpc/connect';
import { AgentService } from '#api/gen/weft/v1/agent_pb.ts';
import { ControllerService } from '#api/gen/weft/v1/controller_pb.ts';
import { HOST_HEADER } from '#api/principal.ts';
import { API_VERSION, API_VERSION_HEADER } from '#api/version.ts';
import type { Address } from './address.ts';
import { createTransport } from './call.ts';
import { type TlsFiles, validTo } from './tls.ts';

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
  const place =
    address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port };
  const transport = createTransport({
    isSecure: secure,
    ...(secure && tls && { validTo: validTo(tls) }),
    options: { agent, ...place },
    headers: { [API_VERSION_HEADER]: API_VERSION, ...(host && { [HOST_HEADER]: host }) },
  });
  return {
    controller: createClient(ControllerService, transport),
    agent: createClient(AgentService, transport),
    close: () => agent.destroy(),
  };
}
