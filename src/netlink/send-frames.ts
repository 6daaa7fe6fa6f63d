import { interfaceIndex } from './interface-index.ts';
import { closeLater, sendto } from './libc.ts';
import { NetlinkError } from './netlink-error.ts';
import { linkLayerAddress, openPacketSocket } from './packet-socket.ts';

/** Puts frames on interfaces of one namespace. */
export interface FramesSender {
  /** Each frame on each of them. What an interface does not take that is gone, down or full is lost. */
  send(interfaces: readonly string[], frames: readonly Uint8Array[]): void;
  close(): void;
}

/** In the namespace behind `netnsFd` (default: this thread's), which may be closed afterwards. Throws NetlinkError. Close it. */
export function openFramesSender(netnsFd?: number): FramesSender {
  const fd = openPacketSocket(netnsFd);
  return {
    send(interfaces, frames) {
      for (const name of interfaces) {
        const address = addressOf(fd, name);
        if (address) for (const frame of frames) sendto(fd, frame, frame.length, 0, address, address.length);
      }
    },
    // Waits for RCU readers, some 10 ms: not on this thread.
    close: () => closeLater(fd),
  };
}

function addressOf(fd: number, name: string): Buffer | undefined {
  try {
    return linkLayerAddress(interfaceIndex(fd, name), 0);
  } catch (error) {
    if (error instanceof NetlinkError) return undefined;
    throw error;
  }
}
