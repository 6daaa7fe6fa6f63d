import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between one who asks on a unix socket and the one who answers on another, and can be cut. */
export class Relay {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private isCut = false;

  constructor(from: string, to: string) {
    this.server = createServer((asking) => {
      if (this.isCut) return void asking.destroy();
      const answering = connect(to);
      for (const [one, other] of [
        [asking, answering],
        [answering, asking],
      ] as const) {
        this.sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    }).listen(from);
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  heal(): void {
    this.isCut = false;
  }

  close(): void {
    this.cut();
    this.server.close();
  }
}
