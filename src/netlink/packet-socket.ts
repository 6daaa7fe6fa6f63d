import {
  bindSocket,
  close,
  getsockopt,
  mapShared,
  orThrow,
  send,
  setOption,
  setsockopt,
  socket,
  whenReadable,
} from './libc.ts';
import { inNamespace } from './namespace.ts';
import { NetlinkError } from './netlink-error.ts';
import { type CapturedFrame, packetRing } from './packet-ring.ts';
import { SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET } from './socket.ts';
import { acceptAll, attachFilter, cutTo, type FilterInstruction } from './socket-filter.ts';

export interface CaptureOptions {
  /** The interface, as numbered in its namespace. */
  ifindex: number;
  /** Default: this thread's namespace. May be closed afterwards. */
  netnsFd?: number;
  /** Bytes kept of each frame; default all. */
  snapLength?: number;
  /** Classic BPF on the frame; it runs in the kernel. */
  filter?: readonly FilterInstruction[];
  /** Longest time that a frame waits for others before it is handed over; default 10. */
  latencyMs?: number;
  /** Size of the ring, a multiple of 128 KiB; default 4 MiB. Frames that do not fit are dropped and counted. */
  ringBytes?: number;
}

export interface Capture {
  /** Frames since the start: those that passed the filter, and those among them that the ring had no room for. */
  statistics(): { frames: number; dropped: number };
  /** Idempotent. No frame is handed over afterwards. */
  close(): void;
}

export interface FrameSender {
  /** Sends a whole Ethernet frame out of the interface. Throws NetlinkError: ENETDOWN, EMSGSIZE, ENOBUFS. */
  send(frame: Uint8Array): void;
  close(): void;
}

/** bits/socket.h, linux/if_ether.h, linux/if_packet.h */
const AF_PACKET = 17;
export const ETH_P_ALL = 3;
export const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
/** asm-generic/socket.h */
const SO_ERROR = 4;

/**
 * A block is handed over after `latencyMs` however little is in it: the ring bridges a pause of our event loop as long
 * as all its blocks together. So they are many, and each takes just more than the longest frame that offload makes.
 */
const BLOCK_BYTES = 1 << 17;
/** Only for the kernel's arithmetic: version 3 packs frames of any size. */
const FRAME_BYTES = 1 << 11;

/**
 * Captures what passes an interface, both directions, from now on. `onFrame` gets each frame in order; its bytes are
 * valid during the call only. `onError` hears that the interface went down (ENETDOWN); capturing goes on when it comes
 * back. Throws NetlinkError: ENODEV, EPERM, EINVAL for a filter that the kernel refuses. Close it.
 */
export function capture(
  options: CaptureOptions,
  onFrame: (frame: CapturedFrame) => void,
  onError: (error: NetlinkError) => void = () => {},
): Capture {
  const { ringBytes = 32 * BLOCK_BYTES } = options;
  const fd = openPacketSocket(options.netnsFd);
  let ring: ReturnType<typeof mapShared> | undefined;
  try {
    attachFilter(fd, cutTo(options.filter ?? acceptAll, options.snapLength));
    ring = makeRing(fd, ringBytes, options.latencyMs ?? 10);
    // Only now do frames come in: all of them pass the filter and the ring.
    bindToInterface(fd, options.ifindex, ETH_P_ALL);
  } catch (error) {
    ring?.unmap();
    close(fd);
    throw error;
  }
  let open = true;
  const frames = packetRing(ring.bytes, BLOCK_BYTES, () => open);
  const count = { frames: 0, dropped: 0 };
  const stop = whenReadable(fd, () => {
    const errno = takeError(fd);
    if (errno !== 0) onError(new NetlinkError({ errno, request: 'capture' }));
    if (open) frames.read(onFrame);
  });
  return {
    statistics() {
      if (open) addStatistics(fd, count);
      return { ...count };
    },
    close() {
      if (!open) return;
      addStatistics(fd, count);
      open = false;
      stop();
      ring.unmap();
      close(fd);
    },
  };
}

/** Opens a way to put frames on an interface, as a device behind it would receive them. Close it. */
export function openFrameSender(ifindex: number, netnsFd?: number): FrameSender {
  const fd = openPacketSocket(netnsFd);
  try {
    bindToInterface(fd, ifindex, 0);
  } catch (error) {
    close(fd);
    throw error;
  }
  return {
    send: (frame) => void orThrow('send frame', send(fd, frame, frame.length, 0)),
    close: () => void close(fd),
  };
}

/** Protocol 0: nothing is received until it is bound with another. */
export function openPacketSocket(netnsFd: number | undefined): number {
  const create = () => socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  return orThrow('packet socket', netnsFd === undefined ? create() : inNamespace(netnsFd, create));
}

function bindToInterface(fd: number, ifindex: number, protocol: number): void {
  const address = linkLayerAddress(ifindex, protocol);
  orThrow('bind packet socket', bindSocket(fd, address, address.length));
}

/** struct sockaddr_ll, linux/if_packet.h: u16 family, be16 protocol, s32 ifindex, 12 bytes that binding ignores. */
export function linkLayerAddress(ifindex: number, protocol: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, 2);
  address.writeInt32LE(ifindex, 4);
  return address;
}

/** struct tpacket_req3: block_size, block_nr, frame_size, frame_nr, retire_blk_tov, sizeof_priv, feature_req_word. */
function makeRing(fd: number, ringBytes: number, latencyMs: number) {
  orThrow('setsockopt PACKET_VERSION', setOption(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V3));
  const blocks = ringBytes / BLOCK_BYTES;
  const request = Buffer.from(
    new Uint32Array([BLOCK_BYTES, blocks, FRAME_BYTES, ringBytes / FRAME_BYTES, latencyMs, 0, 0]).buffer,
  );
  orThrow('setsockopt PACKET_RX_RING', setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request, request.length));
  return mapShared(fd, ringBytes);
}

/** struct tpacket_stats_v3: packets (drops included), drops, freezes. Reading sets them to zero. */
function addStatistics(fd: number, count: { frames: number; dropped: number }): void {
  const statistics = Buffer.alloc(12);
  const length = Buffer.from([12, 0, 0, 0]);
  orThrow('getsockopt PACKET_STATISTICS', getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics, length));
  count.frames += statistics.readUInt32LE(0);
  count.dropped += statistics.readUInt32LE(4);
}

function takeError(fd: number): number {
  const value = Buffer.alloc(4);
  orThrow('getsockopt SO_ERROR', getsockopt(fd, SOL_SOCKET, SO_ERROR, value, Buffer.from([4, 0, 0, 0])));
  return value.readInt32LE(0);
}
