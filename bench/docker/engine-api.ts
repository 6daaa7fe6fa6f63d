import { Agent, request } from 'node:http';

/** Docker's API, over connections that stay open: what is measured is the engine, not the client. */
export class EngineApi {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  /** Throws with the engine's words. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<any> {
    const headers = { 'Content-Type': 'application/json' };
    return new Promise((resolve, reject) => {
      const asked = request(
        { socketPath: this.socket, agent: this.agent, method, path, headers },
        (reply) => {
          let text = '';
          reply.setEncoding('utf8').on('data', (part) => {
            text += part;
          });
          reply.on('end', () => {
            if (reply.statusCode! >= 400) reject(new Error(`${method} ${path}: ${text.trim()}`));
            else resolve(text && JSON.parse(text));
          });
        },
      );
      asked.on('error', reject);
      asked.end(body && JSON.stringify(body));
    });
  }
}
