import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sockets } from '#api/names-feed.ts';
import { answer } from '#dns/answer.ts';
import type { Asker } from '#dns/resolve.ts';
import { NAMESERVER } from '#model/nameserver.ts';
import { openConversation } from '#netlink/conversation.ts';
import { type Subscription, subscribe } from '#netlink/events.ts';
import { openBound } from '#netlink/inet-socket.ts';
import { close } from '#netlink/libc.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { encodeSetLink } from '#netlink/route/link.ts';
import { setReceiveBuffer } from '#netlink/socket.ts';
import { AskOn } from './ask-on.ts';
import { divert, type Ports, readDiversion, undivert } from './divert.ts';
import { framed, Unframer } from './frame.ts';

/** What one container may hold open and ask at once. */
const MOST_CONNECTIONS = 32;
const MOST_UNANSWERED_A_CONNECTION = 16;
const IDLE_CONNECTION_MS = 10_000;
/** Who does not read what it asked for is let go. */
const MOST_UNREAD_BYTES = 256 * 1024;
/** Who hands over waits so long for answers that others owe. */
const DRAIN_MS = 3_000;
/** What is asked while there is no resolver waits: a thousand questions and more. The kernel takes twice as much. */
const WAITING_BYTES = 512 * 1024;
/** Whoever takes our rules away again and again does not keep us busy. */
const MEND_PAUSE_MS = 50;
const RETRY_PAUSE_MS = 1_000;

/** Answers the questions of one container's namespace, from sockets in it. */
export class SandboxService {
  /** Ours, as long as it is open. */
  readonly sockets: Sockets;
  private readonly netnsFd: number;
  private readonly asker: () => Asker;
  private readonly askOn: AskOn;
  private readonly udp: dgram.Socket;
  private readonly tcp: net.Server;
  private readonly ports: Ports;
  private readonly watch: Subscription;
  private readonly connections = new Set<net.Socket>();
  private mending: NodeJS.Timeout | undefined;
  private unanswered = 0;

  /**
   * Takes `netnsFd` over, and sockets that served there before. Questions come as soon as this resolves. Throws
   * NetlinkError, and then holds nothing.
   */
  static async open(netnsFd: number, asker: () => Asker, sockets?: Sockets): Promise<SandboxService> {
    const fds = sockets ?? openSockets(netnsFd);
    const udp = dgram.createSocket('udp4');
    let tcp: net.Server | undefined;
    try {
      await bindTo(udp, fds.udp);
      tcp = await listenOn(fds.tcp);
      return new SandboxService(netnsFd, asker, fds, udp, tcp);
    } catch (error) {
      udp.close();
      tcp?.close();
      throw error;
    }
  }

  private constructor(
    netnsFd: number,
    asker: () => Asker,
    sockets: Sockets,
    udp: dgram.Socket,
    tcp: net.Server,
  ) {
    this.netnsFd = netnsFd;
    this.sockets = sockets;
    this.asker = asker;
    this.udp = udp;
    this.tcp = tcp;
    this.askOn = new AskOn(netnsFd);
    this.ports = { udp: udp.address().port, tcp: (tcp.address() as net.AddressInfo).port };
    udp.on('message', (query, from) => {
      // Made by hand, as nobody can wait there for an answer. dgram would throw at one.
      if (from.port === 0) return;
      this.unanswered++;
      const done = () => void this.unanswered--;
      this.take(query, 'udp', (bytes) => (bytes ? udp.send(bytes, from.port, from.address, done) : done()));
    });
    // What ICMP says of an earlier answer is its asker's loss.
    udp.on('error', () => {});
    tcp.on('connection', (socket) => this.serve(socket)).on('error', () => {});
    tcp.maxConnections = MOST_CONNECTIONS;
    this.watch = subscribe({ groups: ['NFTABLES'], netnsFd, protocol: 'netfilter' }, () => this.mendSoon());
    try {
      this.mend();
    } catch (error) {
      this.watch.close();
      throw error;
    }
  }

  /** Idempotent. The rules go before the sockets do, unless another resolver is to have them. */
  close(rules: 'remove' | 'leave'): void {
    clearTimeout(this.mending);
    this.watch.close();
    try {
      if (rules === 'remove') undivert(this.netnsFd);
    } finally {
      this.askOn.close();
      this.udp.close();
      this.tcp.close();
      for (const socket of this.connections) socket.destroy();
      close(this.netnsFd);
    }
  }

  /**
   * Another has the same sockets, and serves. What we took from them we answer; when nothing is left to answer, all at
   * once is closed: what comes then is the other's.
   */
  async handOver(): Promise<void> {
    clearTimeout(this.mending);
    this.watch.close();
    this.tcp.close();
    await drained(() => this.connections.size === 0);
    await drained(() => this.unanswered === 0);
    this.close('leave');
  }

  private mendSoon(pauseMs = MEND_PAUSE_MS): void {
    this.mending ??= setTimeout(() => {
      this.mending = undefined;
      try {
        this.mend();
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error;
        // Somebody in there owns a table of that name, say; the kernel does not tell when it is let go.
        this.mendSoon(RETRY_PAUSE_MS);
      }
    }, pauseMs);
  }

  private mend(): void {
    const { udp, tcp } = readDiversion(this.netnsFd) ?? {};
    if (udp !== this.ports.udp || tcp !== this.ports.tcp) divert(this.netnsFd, this.ports);
  }

  /** Replies once, if with nothing where nothing is to be said. */
  private take(query: Buffer, transport: 'udp' | 'tcp', reply: (bytes?: Buffer) => void): void {
    const found = answer(query, transport, this.asker());
    const doubted = found === 'forward-doubted';
    if (found === 'drop') reply();
    else if (typeof found !== 'string') reply(found);
    else if (transport === 'udp') this.askOn.byDatagram(query, doubted, reply);
    else void this.askOn.byStream(query, doubted, reply);
  }

  private serve(socket: net.Socket): void {
    const unframer = new Unframer();
    let unanswered = 0;
    let asksNoMore = false;
    const endWhenDone = () => {
      if (asksNoMore && unanswered === 0) socket.end();
    };
    this.connections.add(socket);
    socket.on('close', () => this.connections.delete(socket)).on('error', () => socket.destroy());
    socket.setTimeout(IDLE_CONNECTION_MS, () => socket.destroy());
    socket.on('end', () => {
      asksNoMore = true;
      endWhenDone();
    });
    socket.on('data', (chunk) => {
      for (const query of unframer.take(chunk)) {
        unanswered++;
        if (unanswered > MOST_UNANSWERED_A_CONNECTION || socket.writableLength > MOST_UNREAD_BYTES) {
          socket.destroy();
          return;
        }
        this.take(query, 'tcp', (bytes) => {
          unanswered--;
          if (bytes && !socket.destroyed) socket.write(framed(bytes));
          endWhenDone();
        });
      }
    });
  }
}

async function drained(isDone: () => boolean): Promise<void> {
  for (const endMs = performance.now() + DRAIN_MS; !isDone() && performance.now() < endMs; ) await sleep(1);
}

/** Before it was ever up, a socket that is bound there sends from another address. The agent wishes it up anyway. */
function setLoopbackUp(netnsFd: number): void {
  const conversation = openConversation(netnsFd);
  try {
    conversation.request(encodeSetLink({ name: 'lo', up: true }));
  } finally {
    conversation.close();
  }
}

/** On the ports that a rule of ours names, where one was left. */
function openSockets(netnsFd: number): Sockets {
  setLoopbackUp(netnsFd);
  const before = readDiversion(netnsFd);
  const udp = openBound(netnsFd, 'datagram', { address: NAMESERVER, port: before?.udp ?? 0 });
  setReceiveBuffer(udp, WAITING_BYTES);
  try {
    return { udp, tcp: openBound(netnsFd, 'stream', { address: NAMESERVER, port: before?.tcp ?? 0 }) };
  } catch (error) {
    close(udp);
    throw error;
  }
}

async function bindTo(socket: dgram.Socket, fd: number): Promise<void> {
  const listening = once(socket, 'listening');
  socket.bind({ fd });
  await listening;
}

async function listenOn(fd: number): Promise<net.Server> {
  // Who has asked all it wants still waits for the answers.
  const server = net.createServer({ allowHalfOpen: true });
  server.listen({ fd });
  await once(server, 'listening');
  return server;
}
