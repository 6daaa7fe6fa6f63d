import http from 'node:http';
import { API_VERSION, API_VERSION_HEADER } from '#api/version.ts';

/** Longer than any answer takes: who waits for one that never comes says so. */
const LIMIT_MS = 60_000;

/**
 * Asks an agent or a controller as a small program in any language would: JSON over its socket, one connection kept.
 * What is measured is the answer, not a client library.
 */
export class LocalClient {
  private readonly socket: string;
  private readonly service: string;
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

  constructor(socket: string, service: 'AgentService' | 'ControllerService') {
    this.socket = socket;
    this.service = service;
  }

  /** Throws the answer's text when it is not 200. */
  call<T>(method: string, words: object): Promise<T> {
    const body = Buffer.from(JSON.stringify(words));
    return new Promise((resolve, reject) => {
      const request = http.request({
        agent: this.agent,
        socketPath: this.socket,
        method: 'POST',
        path: `/weft.v1.${this.service}/${method}`,
        headers: {
          'content-type': 'application/json',
          'content-length': body.length,
          [API_VERSION_HEADER]: API_VERSION,
        },
      });
      request.setTimeout(LIMIT_MS, () =>
        request.destroy(new Error(`${method}: no answer in ${LIMIT_MS / 1000} s`)),
      );
      request.on('error', reject);
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () =>
          response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`${method}: ${text}`)),
        );
      });
      request.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
