import { once } from 'node:events';
import net from 'node:net';
import readline from 'node:readline';
import type { FromResolver, Sockets, ToResolver } from '#api/names-feed.ts';
import { close } from '#netlink/libc.ts';
import { takeSockets } from './take-sockets.ts';

/** One that does not answer by then does not know what it is asked. */
const ANSWER_MS = 1_000;

/**
 * The resolver that serves this host's containers until we do. We answer from its very sockets, so that no question
 * finds nobody: what waits in them when it ends is ours to answer.
 */
export class Predecessor {
  private readonly socket: net.Socket;
  /** Ours by now, by the cookie of their namespace. */
  private readonly left: Map<string, Sockets>;

  /** Undefined when nobody is there. */
  static async find(path: string): Promise<Predecessor | undefined> {
    const socket = net.connect(path);
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    if (!isThere) return undefined;
    socket.on('error', () => socket.destroy());
    const said = await ask(socket);
    return new Predecessor(socket, said ? takeSockets(said) : new Map());
  }

  private constructor(socket: net.Socket, left: Map<string, Sockets>) {
    this.socket = socket;
    this.left = left;
  }

  /** Those of that namespace. Once: they are the caller's then. */
  take(cookie: string): Sockets | undefined {
    const sockets = this.left.get(cookie);
    this.left.delete(cookie);
    return sockets;
  }

  /** It ends, and leaves those namespaces to us; in others nobody is to answer. */
  dismiss(cookies: readonly string[]): void {
    tell(this.socket, { say: 'make-way', taken: cookies });
    this.socket.end();
    for (const { udp, tcp } of this.left.values()) [udp, tcp].map(close);
    this.left.clear();
  }
}

async function ask(socket: net.Socket): Promise<Extract<FromResolver, { say: 'sockets' }> | undefined> {
  tell(socket, { say: 'hand-over' });
  const lines = readline.createInterface({ input: socket });
  const timer = setTimeout(() => lines.close(), ANSWER_MS);
  try {
    for await (const line of lines) {
      const message = JSON.parse(line) as FromResolver;
      if (message.say === 'sockets') return message;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    // What else it says is nothing to us.
    socket.resume();
  }
}

const tell = (socket: net.Socket, message: ToResolver): void =>
  void socket.write(`${JSON.stringify(message)}\n`);
