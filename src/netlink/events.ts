import { constants } from 'node:os';
import { openConversation } from './conversation.ts';
import {
  addressOf,
  bindSocket,
  close,
  MSG,
  orThrow,
  recvmsg,
  setOption,
  unshare,
  whenReadable,
} from './libc.ts';
import { type ReceivedMessage, readMessages } from './message.ts';
import { CLONE_NEWNET, comingHome, inNamespace } from './namespace.ts';
import { isMalformed, NetlinkError } from './netlink-error.ts';
import { decodeNamespaceId, encodeGetNamespaceId, encodeNewNamespaceId } from './route/namespace-id.ts';
import { create, type Protocol, SOL_NETLINK, setReceiveBuffer, socketAddress } from './socket.ts';
import { attachFilter, detachFilter, dropMessageTypes, type FilterInstruction } from './socket-filter.ts';

/** RTNLGRP_* of linux/rtnetlink.h. NEIGH carries neighbours, FDB entries and misses. */
export const RTNLGRP = {
  LINK: 1,
  NEIGH: 3,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV6_IFADDR: 9,
  IPV6_ROUTE: 11,
  /** Numbers of namespaces: RTM_DELNSID when one that was added is gone. */
  NSID: 28,
} as const;
/** enum nfnetlink_groups, linux/netfilter/nfnetlink.h: each change of tables, chains, rules and sets. */
const NFNLGRP = { NFTABLES: 7 } as const;
const GROUPS = { ...RTNLGRP, ...NFNLGRP } as const;
export type EventGroup = keyof typeof GROUPS;

/**
 * `message`: one change; its body is valid during the call only. `nsid` says in which added namespace.
 * `overrun`: some changes were lost, nobody knows which: read again whatever matters. So is one that `onEvent` could not
 * decode.
 */
export type RouteEvent =
  | { kind: 'message'; message: ReceivedMessage; nsid: number | undefined }
  | { kind: 'overrun' };

export interface Subscription {
  /** Lets no more messages of these types (RTM.NEWNEIGH) in, until called again; [] lets all in. */
  drop(types: readonly number[]): void;
  /** Lets in what this program does, from now on and instead of what was said before. */
  filter(program: readonly FilterInstruction[]): void;
  close(): void;
}

/** Hears many namespaces with one socket. */
export interface Watchtower extends Subscription {
  /**
   * Hears also the namespace behind `netnsFd`, until that namespace is gone, and returns the `nsid` of its events.
   * Idempotent. Keeps nothing open.
   */
  add(netnsFd: number): number;
}

export interface EventOptions {
  groups: readonly EventGroup[];
  /** Which part of the kernel they are of. Default: route. */
  protocol?: Protocol;
  receiveBufferBytes?: number;
}

/** linux/netlink.h */
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_LISTEN_ALL_NSID = 8;

const { EAGAIN, EEXIST, EINTR, ENOBUFS } = constants.errno;

/** Holds some ten thousand events while the event loop is busy. */
const RECEIVE_BUFFER_BYTES = 8 << 20;
/** Events handled in one go before others on the event loop have a turn. */
const EVENTS_PER_TURN = 256;

/** Hears one namespace (default: this thread's). Keeps the process running until closed. */
export function subscribe(
  options: EventOptions & { netnsFd?: number },
  onEvent: (event: RouteEvent) => void,
): Subscription {
  const { netnsFd, protocol } = options;
  const open = () => create(protocol);
  const fd = orThrow('socket', netnsFd === undefined ? open() : inNamespace(netnsFd, open));
  return listen(fd, options, onEvent);
}

/**
 * Hears the namespaces that are added, and no others: its socket lives in a namespace of its own, which sees only what
 * it has numbered.
 */
export function openWatchtower(options: EventOptions, onEvent: (event: RouteEvent) => void): Watchtower {
  const { fd, conversation } = comingHome(() => {
    orThrow('unshare', unshare(CLONE_NEWNET));
    const conversation = openConversation();
    return { fd: create(options.protocol), conversation };
  });
  let subscription: Subscription;
  try {
    subscription = listen(orThrow('socket', fd), { ...options, allNamespaces: true }, onEvent);
  } catch (error) {
    conversation.close();
    throw error;
  }
  // Numbered upwards, so that a late event of a namespace that is gone is not taken for another's.
  let nextNsid = 0;

  function add(netnsFd: number): number {
    try {
      conversation.request(encodeNewNamespaceId(netnsFd, nextNsid));
      return nextNsid++;
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.errno !== EEXIST) throw error;
      return decodeNamespaceId(conversation.ask(encodeGetNamespaceId(netnsFd)));
    }
  }

  function closeAll(): void {
    subscription.close();
    conversation.close();
  }

  return { ...subscription, add, close: closeAll };
}

function listen(
  fd: number,
  options: EventOptions & { allNamespaces?: boolean },
  onEvent: (event: RouteEvent) => void,
): Subscription {
  try {
    if (options.allNamespaces) {
      orThrow('listen to all namespaces', setOption(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1));
    }
    setReceiveBuffer(fd, options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES);
    orThrow('bind', bindSocket(fd, socketAddress(0), 12));
    for (const group of options.groups) {
      orThrow(`join ${group}`, setOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, GROUPS[group]));
    }
  } catch (error) {
    close(fd);
    throw error;
  }
  const receive = receiver(fd);
  let open = true;
  const stop = whenReadable(fd, () => {
    for (let i = 0; open && i < EVENTS_PER_TURN; i++) if (!receive(onEvent)) return;
  });
  return {
    drop: (types) => (types.length === 0 ? detachFilter(fd) : attachFilter(fd, dropMessageTypes(types))),
    filter: (program) => attachFilter(fd, program),
    close() {
      if (!open) return;
      open = false;
      stop();
      close(fd);
    },
  };
}

/** Reads one datagram and tells what it says; false when there is none. */
function receiver(fd: number): (onEvent: (event: RouteEvent) => void) => boolean {
  // Kept whole: the kernel writes through addresses, which the garbage collector does not see.
  const memory = receiveMemory();
  return (onEvent) => {
    const { datagram, header, control } = memory;
    header.writeBigUInt64LE(BigInt(control.length), 40);
    const length = recvmsg(fd, header, MSG.DONTWAIT);
    if (length === -EAGAIN) return false;
    if (length === -EINTR) return true;
    if (length === -ENOBUFS || (length >= 0 && header.readInt32LE(48) & MSG.TRUNC)) {
      onEvent({ kind: 'overrun' });
      return true;
    }
    orThrow('recvmsg', length);
    const nsid = readNsid(header, control);
    try {
      for (const message of readMessages(datagram.subarray(0, length)))
        onEvent({ kind: 'message', message, nsid });
    } catch (error) {
      // Others' objects, and newer kernels, say what we have never seen.
      if (!isMalformed(error)) throw error;
      onEvent({ kind: 'overrun' });
    }
    return true;
  };
}

/** struct msghdr on 64-bit hosts: iov @16, iovlen @24, control @32, controllen @40, flags @48; iovec: base, length. */
function receiveMemory() {
  const datagram = Buffer.allocUnsafeSlow(64 * 1024);
  const control = Buffer.allocUnsafeSlow(64);
  const iovec = Buffer.allocUnsafeSlow(16);
  iovec.writeBigUInt64LE(addressOf(datagram), 0);
  iovec.writeBigUInt64LE(BigInt(datagram.length), 8);
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(addressOf(iovec), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(addressOf(control), 32);
  return { datagram, header, control, iovec };
}

/** struct cmsghdr: size_t length, s32 level @8, s32 type @12, then an s32: the namespace that the event is from. */
function readNsid(header: Buffer, control: Buffer): number | undefined {
  if (header.readBigUInt64LE(40) < 20n) return undefined;
  if (control.readInt32LE(8) !== SOL_NETLINK || control.readInt32LE(12) !== NETLINK_LISTEN_ALL_NSID)
    return undefined;
  return control.readInt32LE(16);
}
