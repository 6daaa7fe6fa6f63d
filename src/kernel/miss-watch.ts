import { statSync } from 'node:fs';
import type { NamespaceName } from '#model/kernel-state.ts';
import { close } from '#netlink/libc.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { type OpenNamespace, openNamespace } from '#netlink/open-namespace.ts';
import type { Link } from '#netlink/route/link.ts';
import type { Miss, MissSource } from './kernel.ts';
import { MissTap } from './miss-tap.ts';

const CHECK_INTERVAL_MS = 300;

/** A namespace and the tap that keeps it in being: meanwhile no other has its inode. */
interface Tapped extends Pick<OpenNamespace, 'cookie' | 'dev' | 'inode'> {
  readonly tap: MissTap;
}

/**
 * Hears the misses of the overlay namespaces whose VXLAN device tells them. Its sockets keep a namespace in being, so
 * they go with the device, and with the namespace's name.
 */
export class MissWatch {
  readonly #taps = new Map<NamespaceName, Tapped>();
  /** That a name has lost its mount no event tells, and no device can go that would: we keep them. */
  #checking: NodeJS.Timeout | undefined;
  #onMisses: ((misses: readonly Miss[]) => void) | undefined;

  listen(onMisses: (misses: readonly Miss[]) => void): void {
    this.#onMisses = onMisses;
  }

  /** The devices of a namespace, as they are now. Idempotent. */
  know(ns: NamespaceName, cookie: string, links: readonly Link[]): void {
    const tells = links.some(({ vxlan }) => vxlan?.l2miss || vxlan?.l3miss);
    if (!tells || this.#taps.get(ns)?.cookie !== cookie) this.#forget(ns);
    if (!tells || !this.#onMisses) return;
    // What comes out of the tunnel is asked by containers elsewhere; what the bridge hands up was heard at its port.
    const deaf = links.filter(({ kind }) => kind === 'vxlan' || kind === 'bridge').map(({ index }) => index);
    if (this.#taps.has(ns)) this.#taps.get(ns)!.tap.exclude(deaf);
    else this.#open(ns, cookie, deaf);
  }

  /** Its name may be another's by now, or nobody's. */
  check(ns: NamespaceName): void {
    const known = this.#taps.get(ns);
    const named = known && statSync(namedNamespacePath(ns), { throwIfNoEntry: false });
    if (known && (named?.dev !== known.dev || named.ino !== known.inode)) this.#forget(ns);
  }

  mute({ ns, port }: MissSource, forMs: number): void {
    this.#taps.get(ns)?.tap.mute(port, forMs);
  }

  send({ ns, port }: Required<MissSource>, frame: Uint8Array): void {
    this.#taps.get(ns)?.tap.send(port, frame);
  }

  close(): void {
    this.#onMisses = undefined;
    for (const ns of [...this.#taps.keys()]) this.#forget(ns);
  }

  #open(ns: NamespaceName, cookie: string, deaf: readonly number[]): void {
    const opened = openNamespace(namedNamespacePath(ns));
    if (typeof opened === 'string') return;
    const { fd, dev, inode } = opened;
    try {
      if (opened.cookie !== cookie) return;
      const tap = new MissTap(ns, fd, deaf, (misses) => this.#onMisses?.(misses));
      this.#taps.set(ns, { cookie, dev, inode, tap });
      this.#checking ??= setInterval(() => this.#checkAll(), CHECK_INTERVAL_MS).unref();
    } finally {
      close(fd);
    }
  }

  #checkAll(): void {
    for (const ns of [...this.#taps.keys()]) this.check(ns);
  }

  #forget(ns: NamespaceName): void {
    this.#taps.get(ns)?.tap.close();
    if (!this.#taps.delete(ns) || this.#taps.size > 0) return;
    clearInterval(this.#checking);
    this.#checking = undefined;
  }
}
