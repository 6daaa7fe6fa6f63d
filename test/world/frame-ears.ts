import { interfaceIndex } from '#netlink/interface-index.ts';
import { close } from '#netlink/libc.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { capture } from '#netlink/packet-socket.ts';
import { openSocket } from '#netlink/socket.ts';

/** Its number, and the namespace that it is in: one of `ip netns`, or a path of another. */
export function eth0Of(container: string): [ifindex: number, netnsFd: number] {
  const opened = openNamespace(container.startsWith('/') ? container : `/run/netns/${container}`);
  if (typeof opened === 'string') throw new Error(opened);
  const socket = openSocket(opened.fd);
  const index = interfaceIndex(socket.fd, 'eth0');
  close(socket.fd);
  return [index, opened.fd];
}

export interface Ears {
  /** Whether a frame with these bytes in it has come. */
  hasHeard(bytes: Buffer): boolean;
  close(): void;
}

/** What comes in at a container's eth0 from now on. */
export function listenAt(container: string): Ears {
  const [ifindex, netnsFd] = eth0Of(container);
  const heard: Buffer[] = [];
  const ears = capture({ ifindex, netnsFd }, ({ bytes, outgoing }) => {
    if (!outgoing) heard.push(Buffer.from(bytes));
  });
  return {
    hasHeard: (bytes) => heard.some((frame) => frame.includes(bytes)),
    close: () => ears.close(),
  };
}
