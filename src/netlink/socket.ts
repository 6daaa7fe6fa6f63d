import { constants } from 'node:os';
import {
  close,
  closeLater,
  connect,
  MSG,
  orThrow,
  recv,
  send,
  sendAsync,
  setOption,
  setsockopt,
  socket,
} from './libc.ts';
import { inNamespace } from './namespace.ts';
import { NetlinkError } from './netlink-error.ts';

/** bits/socket.h, linux/netlink.h */
export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;
/** linux/netlink.h: which part of the kernel is spoken with. */
const PROTOCOL = { route: 0, netfilter: 12 } as const;
export type Protocol = keyof typeof PROTOCOL;

/** asm-generic/socket.h */
export const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/** linux/netlink.h: sockopts at level SOL_NETLINK. */
export const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

const { EAGAIN, EINTR, EMSGSIZE } = constants.errno;

/** How long the kernel may think about a request; it answers within the call, so this only bounds the unthinkable. */
const ANSWER_TIMEOUT_SECONDS = 10;
const FILTER_CLOSE_DELAY_MS = 100;
/** A batch of 128 refusals with texts needs about 200 KiB. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** Sends and receives whole datagrams. The kernel is one; a test can be another. */
export interface Transport {
  send(bytes: Uint8Array, length: number): void;
  /** Waits for the next datagram, writes it to `into` and returns its length. Throws NetlinkError. */
  receive(into: Buffer): number;
  /** Sends from another thread; `bytes` must stay as they are until then. */
  sendInBackground(bytes: Uint8Array, length: number): Promise<void>;
  close(): void;
}

/**
 * Opens a netlink socket in the namespace behind `netnsFd` (default: this thread's). It stays in that namespace and
 * works from any. Only the kernel can write to it. Close it; nothing else does.
 */
export function openSocket(
  netnsFd?: number,
  protocol: Protocol = 'route',
): Transport & { readonly fd: number } {
  const open = () => create(protocol);
  const fd = orThrow('socket', netnsFd === undefined ? open() : inNamespace(netnsFd, open));
  try {
    setOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    orThrow('setsockopt NETLINK_GET_STRICT_CHK', setOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1));
    setReceiveBuffer(fd, RECEIVE_BUFFER_BYTES);
    setReceiveTimeout(fd, ANSWER_TIMEOUT_SECONDS);
    // Connected to the kernel (port 0), the socket refuses datagrams from other processes.
    orThrow('connect', connect(fd, socketAddress(0), 12));
  } catch (error) {
    close(fd);
    throw error;
  }
  return {
    fd,
    send: (bytes, length) => void orThrow('send', sendWhole(fd, bytes, length)),
    sendInBackground: async (bytes, length) => void orThrow('send', await sendAsync(fd, bytes, length, 0)),
    receive: (into) => receive(fd, into),
    close: protocol === 'netfilter' ? () => closeFilter(fd) : () => void close(fd),
  };
}

/**
 * The kernel lets go of such a socket behind what the last transaction left to be freed, which waits for RCU, some 12 ms,
 * and who writes next waits with it (nft_rcv_nl_event() in net/netfilter/nf_tables_api.c): later there is nothing left.
 */
function closeFilter(fd: number): void {
  setTimeout(() => closeLater(fd), FILTER_CLOSE_DELAY_MS).unref();
}

export function create(protocol: Protocol = 'route'): number {
  return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOL[protocol]);
}

/** struct sockaddr_nl: u16 family, u16 pad, u32 port, u32 groups. Port 0 is the kernel, or "choose one" to bind. */
export function socketAddress(port: number): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(port, 4);
  return address;
}

/**
 * A datagram must fit into the send buffer (netlink_sendmsg() in net/netlink/af_netlink.c), which is 208 KiB unless said
 * otherwise: some 350 rules. Refused for its length, it is sent once more with room for it.
 */
function sendWhole(fd: number, bytes: Uint8Array, length: number): number {
  const sent = send(fd, bytes, length, 0);
  if (sent !== -EMSGSIZE) return sent;
  if (setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, length) < 0) setOption(fd, SOL_SOCKET, SO_SNDBUF, length);
  return send(fd, bytes, length, 0);
}

/** Past the system's limit where we may (CAP_NET_ADMIN of the first user namespace), up to it where not. */
export function setReceiveBuffer(fd: number, bytes: number): void {
  if (setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0) setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

function setReceiveTimeout(fd: number, seconds: number): void {
  const timeval = Buffer.alloc(16);
  timeval.writeBigInt64LE(BigInt(seconds), 0);
  orThrow('setsockopt SO_RCVTIMEO', setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval, 16));
}

function receive(fd: number, into: Buffer): number {
  for (;;) {
    const length = recv(fd, into, into.length, MSG.TRUNC);
    if (length > into.length) {
      throw new NetlinkError({ errno: EMSGSIZE, request: 'recv', text: `a datagram of ${length} bytes` });
    }
    if (length >= 0) return length;
    if (length === -EINTR) continue;
    const text = length === -EAGAIN ? `no answer within ${ANSWER_TIMEOUT_SECONDS} s` : undefined;
    throw new NetlinkError({ errno: -length, request: 'recv', text });
  }
}
