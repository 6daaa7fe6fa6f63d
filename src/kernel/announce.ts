import { close } from '#netlink/libc.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { type OpenNamespace, openNamespace } from '#netlink/open-namespace.ts';
import { type FramesSender, openFramesSender } from '#netlink/send-frames.ts';
import type { PortFrames } from './kernel.ts';

/**
 * How long a sender is kept for what else is to be told there: to close it takes the kernel some 10 ms, so that a burst
 * would leave hundreds to close. No longer, since it keeps alive a namespace that is removed meanwhile.
 */
const KEEP_MS = 200;

interface Kept {
  readonly sender: FramesSender;
  readonly timer: NodeJS.Timeout;
}

/** Tells containers, out of each port: what the bridge itself sent would go into the tunnel, too. */
export class Announcer {
  /** By the namespace's cookie. */
  readonly #kept = new Map<string, Kept>();

  /** What cannot be told is lost: who is not told asks, a while later. */
  announce({ ns, ports, frames }: PortFrames): void {
    try {
      const opened = openNamespace(namedNamespacePath(ns));
      if (typeof opened !== 'string') this.#senderTo(opened).send(ports, frames);
    } catch {
      // Out of descriptors or memory, which others say.
    }
  }

  #senderTo({ fd, cookie }: OpenNamespace): FramesSender {
    try {
      const kept = this.#kept.get(cookie);
      if (kept) {
        kept.timer.refresh();
        return kept.sender;
      }
      const sender = openFramesSender(fd);
      const timer = setTimeout(() => this.#drop(cookie), KEEP_MS).unref();
      this.#kept.set(cookie, { sender, timer });
      return sender;
    } finally {
      close(fd);
    }
  }

  #drop(cookie: string): void {
    this.#kept.get(cookie)?.sender.close();
    this.#kept.delete(cookie);
  }

  close(): void {
    for (const [cookie, { timer }] of this.#kept) {
      clearTimeout(timer);
      this.#drop(cookie);
    }
  }
}
