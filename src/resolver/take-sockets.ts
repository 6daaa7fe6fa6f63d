import type { Sockets, SocketsOf } from '#api/names-feed.ts';
import { close } from '#netlink/libc.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { cookieOfSocket } from '#netlink/open-namespace.ts';
import { takeDescriptors } from '#netlink/take-descriptor.ts';

/** Ours by now, by the cookie of their namespace. What was closed meanwhile is left out. */
export function takeSockets({ pid, sockets }: SocketsOf): Map<string, Sockets> {
  const all = new Map<string, Sockets>();
  for (const sandbox of sockets) {
    const [udp, tcp] = takeDescriptors(pid, [sandbox.udp, sandbox.tcp]) ?? [];
    if (udp === undefined || tcp === undefined) continue;
    try {
      all.set(cookieOfSocket(udp), { udp, tcp });
    } catch (error) {
      [udp, tcp].map(close);
      // Another's by that number.
      if (!(error instanceof NetlinkError)) throw error;
    }
  }
  return all;
}
