import { close } from '#netlink/libc.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { sendFrames } from '#netlink/send-frames.ts';
import type { PortFrames } from './kernel.ts';

/** Out of each port, so into the containers: what the bridge itself sent would go into the tunnel, too. */
export function announce({ ns, ports, frames }: PortFrames): void {
  const opened = openNamespace(namedNamespacePath(ns));
  if (typeof opened === 'string') return;
  try {
    sendFrames(opened.fd, ports, frames);
  } finally {
    close(opened.fd);
  }
}
