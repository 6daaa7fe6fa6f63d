import { interfaceIndex } from './interface-index.ts';
import { addressOf, close, closeLater, orThrow, sendmmsgAsync, setOption } from './libc.ts';
import { NetlinkError } from './netlink-error.ts';
import { linkLayerAddress, openPacketSocket } from './packet-socket.ts';
import { SOL_SOCKET } from './socket.ts';

/** Puts frames on interfaces of one namespace. */
export interface FrameBatchSender {
  /**
   * Each frame on each of them, from another thread. What an interface does not take that is gone, down or full is
   * lost.
   */
  send(interfaces: readonly string[], frames: readonly Uint8Array[]): void;
  /** What is to be sent is sent first. */
  close(): void;
}

/** asm-generic/socket.h: what rules know as `meta mark`. */
const SO_MARK = 36;

/**
 * In the namespace behind `netnsFd` (default: this thread's), which may be closed afterwards; frames bear `mark`. Throws
 * NetlinkError. Close it.
 */
export function openFrameBatchSender(netnsFd?: number, mark = 0): FrameBatchSender {
  const fd = openPacketSocket(netnsFd);
  try {
    orThrow('setsockopt SO_MARK', setOption(fd, SOL_SOCKET, SO_MARK, mark));
  } catch (error) {
    close(fd);
    throw error;
  }
  let sent: Promise<void> = Promise.resolve();
  return {
    send(interfaces, frames) {
      const names = interfaces.flatMap((name) => linkLayerAddressOf(fd, name) ?? []);
      // koffi takes so many calls at once, and no more.
      sent = sent.then(() => sendAll(fd, names, frames)).catch(() => {});
    },
    // Waits for RCU readers, some 10 ms: not on this thread.
    close: () => void sent.then(() => closeLater(fd)),
  };
}

function linkLayerAddressOf(fd: number, name: string): Buffer | undefined {
  try {
    return linkLayerAddress(interfaceIndex(fd, name), 0);
  } catch (error) {
    if (error instanceof NetlinkError) return undefined;
    throw error;
  }
}

/** UIO_MAXIOV, linux/uio.h: so many in one call. */
const MOST_IN_ONE_CALL = 1024;

/** Hundreds in one call of the kernel, which stops before one that it refuses: that is left out. */
async function sendAll(fd: number, names: readonly Buffer[], frames: readonly Uint8Array[]): Promise<void> {
  const count = names.length * frames.length;
  const headers = headersOf(names, frames);
  for (let sent = 0; sent < count; ) {
    const left = Math.min(count - sent, MOST_IN_ONE_CALL);
    sent += Math.max(await sendmmsgAsync(fd, headers.subarray(sent * MMSGHDR_BYTES), left, 0), 1);
  }
}

/**
 * struct mmsghdr on 64-bit hosts: name @0, namelen @8, iov @16, iovlen @24, and no more that matters; struct iovec: base
 * @0, length @8.
 */
const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;

/** A struct mmsghdr for each frame to each name, and behind them all that these point to. */
function headersOf(names: readonly Buffer[], frames: readonly Uint8Array[]): Buffer {
  const iovecsAt = names.length * frames.length * MMSGHDR_BYTES;
  const bytesAt = iovecsAt + frames.length * IOVEC_BYTES;
  const pointed = [...frames, ...names].reduce((sum, { length }) => sum + length, 0);
  const memory = Buffer.allocUnsafeSlow(bytesAt + pointed).fill(0, 0, bytesAt);
  const base = addressOf(memory);
  const point = (from: number, to: number, length: number) => {
    memory.writeBigUInt64LE(base + BigInt(to), from);
    memory.writeBigUInt64LE(BigInt(length), from + 8);
  };
  let at = bytesAt;
  const put = (bytes: Uint8Array): number => {
    memory.set(bytes, at);
    at += bytes.length;
    return at - bytes.length;
  };
  for (const [i, frame] of frames.entries()) point(iovecsAt + i * IOVEC_BYTES, put(frame), frame.length);
  for (const [i, name] of names.entries()) {
    const nameAt = put(name);
    for (let frame = 0; frame < frames.length; frame++) {
      const header = (i * frames.length + frame) * MMSGHDR_BYTES;
      point(header, nameAt, name.length);
      point(header + 16, iovecsAt + frame * IOVEC_BYTES, 1);
    }
  }
  return memory;
}
