import { interfaceIndex } from './interface-index.ts';
import { closeAsync, sendto } from './libc.ts';
import { NetlinkError } from './netlink-error.ts';
import { linkLayerAddress, openPacketSocket } from './packet-socket.ts';

/**
 * Puts each frame on each of these interfaces of the namespace behind `netnsFd`, which may be closed afterwards. What an
 * interface does not take that is gone, down or full is lost.
 */
export function sendFrames(
  netnsFd: number,
  interfaces: readonly string[],
  frames: readonly Uint8Array[],
): void {
  const fd = openPacketSocket(netnsFd);
  for (const name of interfaces) {
    const address = addressOf(fd, name);
    if (address) for (const frame of frames) sendto(fd, frame, frame.length, 0, address, address.length);
  }
  // Waits for RCU readers, some 10 ms: not on this thread.
  void closeAsync(fd);
}

function addressOf(fd: number, name: string): Buffer | undefined {
  try {
    return linkLayerAddress(interfaceIndex(fd, name), 0);
  } catch (error) {
    if (error instanceof NetlinkError) return undefined;
    throw error;
  }
}
