import net from 'node:net';
import { API_VERSION, API_VERSION_HEADER } from '#api/version.ts';

/** Longer than any answer takes: who waits for one that never comes says so. */
const LIMIT_MS = 60_000;

interface Reply {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks an agent or a controller as a small program in any language would: JSON over its socket, connections kept. Plain
 * HTTP/1.1 by hand: what is measured is the answer, not a client library, which takes as long.
 */
export class LocalClient {
  private readonly socket: string;
  private readonly service: string;
  private readonly idle: Connection[] = [];

  constructor(socket: string, service: 'AgentService' | 'ControllerService') {
    this.socket = socket;
    this.service = service;
  }

  /** Throws the answer's text when it is not 200. */
  async call<T>(method: string, words: object): Promise<T> {
    let connection = this.idle.pop();
    while (connection && !connection.isOpen) connection = this.idle.pop();
    connection ??= new Connection(this.socket);
    const body = JSON.stringify(words);
    const head = [
      `POST /weft.v1.${this.service}/${method} HTTP/1.1`,
      'host: localhost',
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      `${API_VERSION_HEADER}: ${API_VERSION}`,
    ];
    const { status, text } = await connection.ask(`${head.join('\r\n')}\r\n\r\n${body}`);
    this.idle.push(connection);
    if (status !== 200) throw new Error(`${method}: ${text}`);
    return JSON.parse(text);
  }

  close(): void {
    for (const connection of this.idle.splice(0)) connection.close();
  }
}

/** Asks one thing at a time. */
class Connection {
  private readonly socket: net.Socket;
  private heard = '';
  private onReply: (reply: Reply) => void = () => {};
  private onEnd: (error: Error) => void = () => {};

  constructor(path: string) {
    this.socket = net.connect(path);
    this.socket.setEncoding('latin1').on('data', (text: string) => this.hear(text));
    this.socket.on('error', (error) => this.onEnd(error));
    this.socket.on('close', () => this.onEnd(new Error('closed before it answered')));
    this.socket.on('timeout', () => this.socket.destroy(new Error(`no answer in ${LIMIT_MS / 1000} s`)));
  }

  get isOpen(): boolean {
    return !this.socket.destroyed;
  }

  ask(request: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      [this.heard, this.onReply, this.onEnd] = ['', resolve, reject];
      this.socket.setTimeout(LIMIT_MS);
      this.socket.write(request);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private hear(text: string): void {
    this.heard += text;
    const headEnd = this.heard.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.heard.slice(0, headEnd);
    const length = /^content-length: (\d+)$/im.exec(head);
    if (!length) return void this.socket.destroy(new Error(`an answer of unknown length: ${head}`));
    const body = this.heard.slice(headEnd + 4);
    if (body.length < Number(length[1])) return;
    this.socket.setTimeout(0);
    this.onReply({ status: Number(head.split(' ')[1]), text: Buffer.from(body, 'latin1').toString() });
  }
}
