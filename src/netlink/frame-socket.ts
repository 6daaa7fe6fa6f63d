import { constants } from 'node:os';
import {
  bindSocket,
  close,
  closeLater,
  MSG,
  orThrow,
  recvfrom,
  sendto,
  setOption,
  whenReadable,
} from './libc.ts';
import { ETH_P_ALL, linkLayerAddress, openPacketSocket, SOL_PACKET } from './packet-socket.ts';
import { setReceiveBuffer } from './socket.ts';
import { attachFilter, type FilterInstruction } from './socket-filter.ts';

/** linux/if_packet.h */
const PACKET_IGNORE_OUTGOING = 23;
const { EAGAIN, EINTR, ENETDOWN } = constants.errno;

/** Some two hundred small frames; more than are read in time are dropped, at no cost to the reader. */
const RECEIVE_BUFFER_BYTES = 96 << 10;
/** Frames handed over in one go, before others on the event loop have a turn. */
const FRAMES_PER_TURN = 64;
/** What is asked for here is small. */
const MOST_BYTES = 256;

export interface ReceivedFrame {
  /** Where it came in, as numbered in its namespace. */
  readonly ifindex: number;
  readonly bytes: Uint8Array;
}

export interface FrameSocket {
  /** Lets in what this program does from now on. */
  filter(program: readonly FilterInstruction[]): void;
  /** Sends a whole Ethernet frame out of an interface. Throws NetlinkError: ENXIO, ENETDOWN, EMSGSIZE, ENOBUFS. */
  send(ifindex: number, frame: Uint8Array): void;
  /** Idempotent; no frame is handed over afterwards. */
  close(): void;
}

/**
 * Hears the frames that come in by an interface, or by any (0), of the namespace behind `netnsFd`, or our own, and pass
 * the filter, cut to 256 bytes; unlike `capture` each at once. Keeps the namespace in being until closed. Throws
 * NetlinkError: ENODEV.
 */
export function openFrameSocket(
  netnsFd: number | undefined,
  program: readonly FilterInstruction[],
  onFrames: (frames: readonly ReceivedFrame[]) => void,
  ifindex = 0,
): FrameSocket {
  const fd = openPacketSocket(netnsFd);
  try {
    attachFilter(fd, program);
    setReceiveBuffer(fd, RECEIVE_BUFFER_BYTES);
    // Else the kernel would copy for us every frame that is sent.
    orThrow('ignore outgoing', setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1));
    const address = linkLayerAddress(ifindex, ETH_P_ALL);
    orThrow('bind packet socket', bindSocket(fd, address, address.length));
  } catch (error) {
    close(fd);
    throw error;
  }
  const receive = receiver(fd);
  let open = true;
  const stop = whenReadable(fd, () => {
    const frames: ReceivedFrame[] = [];
    for (let frame = receive(); frame; frame = frames.length < FRAMES_PER_TURN ? receive() : undefined)
      frames.push(frame);
    if (frames.length > 0) onFrames(frames);
  });
  return {
    filter: (instructions) => attachFilter(fd, instructions),
    send(ifindex, frame) {
      const address = linkLayerAddress(ifindex, 0);
      orThrow('send frame', sendto(fd, frame, frame.length, 0, address, address.length));
    },
    close() {
      if (!open) return;
      open = false;
      stop();
      // Waits for RCU readers, some 10 ms: not on this thread.
      closeLater(fd);
    },
  };
}

/** Reads one frame; undefined when there is none. */
function receiver(fd: number): () => ReceivedFrame | undefined {
  const into = Buffer.alloc(MOST_BYTES);
  const address = linkLayerAddress(0, 0);
  const addressLength = Buffer.alloc(4);
  return () => {
    for (;;) {
      addressLength.writeUInt32LE(address.length);
      const length = recvfrom(fd, into, into.length, MSG.DONTWAIT, address, addressLength);
      if (length === -EAGAIN) return undefined;
      // An interface went down; the others are heard on.
      if (length === -EINTR || length === -ENETDOWN) continue;
      orThrow('recvfrom', length);
      return { ifindex: address.readInt32LE(4), bytes: Uint8Array.prototype.slice.call(into, 0, length) };
    }
  };
}
