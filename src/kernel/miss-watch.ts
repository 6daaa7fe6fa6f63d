import type { NamespaceName } from '#model/kernel-state.ts';
import { close } from '#netlink/libc.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import type { Link } from '#netlink/route/link.ts';
import type { Miss, MissSource } from './kernel.ts';
import { MissTap } from './miss-tap.ts';

/**
 * Hears the misses of the overlay namespaces whose VXLAN device tells them. Its sockets keep a namespace in being, so
 * they go with the device, and with the namespace's name.
 */
export class MissWatch {
  readonly #taps = new Map<NamespaceName, { readonly cookie: string; readonly tap: MissTap }>();
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
    if (known && openAs(ns, known.cookie, () => true) !== true) this.#forget(ns);
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
    const onMisses = (misses: readonly Miss[]) => this.#onMisses?.(misses);
    const tap = openAs(ns, cookie, (fd) => new MissTap(ns, fd, deaf, onMisses));
    if (tap) this.#taps.set(ns, { cookie, tap });
  }

  #forget(ns: NamespaceName): void {
    this.#taps.get(ns)?.tap.close();
    this.#taps.delete(ns);
  }
}

/** Undefined when the name is not that namespace's. */
function openAs<T>(ns: NamespaceName, cookie: string, use: (fd: number) => T): T | undefined {
  const opened = openNamespace(namedNamespacePath(ns));
  if (typeof opened === 'string') return undefined;
  try {
    return opened.cookie === cookie ? use(opened.fd) : undefined;
  } finally {
    close(opened.fd);
  }
}
