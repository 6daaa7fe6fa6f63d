import { constants } from 'node:os';
import { AF_INET, AF_INET6, familyOf, writeIp } from './ip-text.ts';
import { bindSocket, close, connect, connectAsync, orThrow, setOption, setsockopt, socket } from './libc.ts';
import { inNamespace } from './namespace.ts';
import { SOCK_CLOEXEC, SOL_SOCKET } from './socket.ts';

/** bits/socket_type.h */
const TYPES = { stream: 1, datagram: 2 } as const;
export type SocketType = keyof typeof TYPES;
const SOCK_NONBLOCK = 0o4000;

/** asm-generic/socket.h */
const SO_REUSEADDR = 2;
const SO_SNDTIMEO = 21;

const { EADDRINUSE } = constants.errno;

export interface SocketPlace {
  readonly address: string;
  readonly port: number;
}

/**
 * A socket bound in the namespace behind `netnsFd`, that Node takes by its fd: `dgram`'s `bind({fd})`, `net`'s
 * `listen({fd})`. Where others have the port, it is any. Close it, or what took it.
 */
export function openBound(netnsFd: number, type: SocketType, { address, port }: SocketPlace): number {
  const fd = create(netnsFd, type, address);
  try {
    // Of a dead listener connections may linger.
    if (type === 'stream') orThrow('setsockopt SO_REUSEADDR', setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    let bound = bindTo(fd, { address, port });
    if (bound === -EADDRINUSE && port !== 0) bound = bindTo(fd, { address, port: 0 });
    orThrow('bind', bound);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * A datagram socket in that namespace that hears that place alone; `from` is where its packets come from, by default
 * what the route says. Close it.
 */
export function openConnected(netnsFd: number, place: SocketPlace, from?: string): number {
  const fd = create(netnsFd, 'datagram', place.address);
  try {
    bindFrom(fd, from);
    const to = encodePlace(place);
    orThrow('connect', connect(fd, to, to.length));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** The same with a stream: connects on another thread, for at most that long. Close it, or what took it. */
export async function connectStream(
  netnsFd: number,
  place: SocketPlace,
  timeoutMs: number,
  from?: string,
): Promise<number> {
  const fd = create(netnsFd, 'stream', place.address, 0);
  try {
    bindFrom(fd, from);
    // connect(2) waits no longer than a send may.
    const timeval = Buffer.alloc(16);
    timeval.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
    timeval.writeBigInt64LE(BigInt(timeoutMs % 1000) * 1000n, 8);
    orThrow('setsockopt SO_SNDTIMEO', setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeval, timeval.length));
    const to = encodePlace(place);
    orThrow('connect', await connectAsync(fd, to, to.length));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function bindFrom(fd: number, address: string | undefined): void {
  if (address !== undefined) orThrow('bind', bindTo(fd, { address, port: 0 }));
}

const create = (netnsFd: number, type: SocketType, address: string, flags = SOCK_NONBLOCK): number =>
  orThrow(
    'socket',
    inNamespace(netnsFd, () => socket(familyOf(address), TYPES[type] | SOCK_CLOEXEC | flags, 0)),
  );

function bindTo(fd: number, place: SocketPlace): number {
  const to = encodePlace(place);
  return bindSocket(fd, to, to.length);
}

/** struct sockaddr_in: family, port in network order, address. sockaddr_in6: flow @4, address @8, scope @24. */
function encodePlace({ address, port }: SocketPlace): Buffer {
  const family = familyOf(address);
  const bytes = Buffer.alloc(family === AF_INET ? 16 : 28);
  bytes.writeUInt16LE(family, 0);
  bytes.writeUInt16BE(port, 2);
  writeIp(address, bytes, family === AF_INET6 ? 8 : 4);
  return bytes;
}
