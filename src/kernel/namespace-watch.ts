import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import type { NamespaceName } from '#model/kernel-state.ts';
import { openWatchtower, type RouteEvent, type Watchtower } from '#netlink/events.ts';
import { close } from '#netlink/libc.ts';
import { RTM } from '#netlink/message.ts';
import { NAMESPACE_DIRECTORY, namedNamespacePath } from '#netlink/named-namespace.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import type { KernelEvent } from './kernel.ts';

/** Misses are asked, not told; nothing has changed by them. */
const MISSES = [RTM.GETNEIGH];
const ROWS = [RTM.NEWNEIGH, RTM.DELNEIGH, RTM.GETNEIGH];

/**
 * Hears of changes inside the overlay namespaces that were visited, and of the loss of their names under /run/netns.
 * Open only while somebody listens; holds no namespace alive.
 */
export class OverlayWatch {
  readonly #visited = new Set<NamespaceName>();
  readonly #listeners = new Set<(event: KernelEvent) => void>();
  /** Of the numbers that the tower gives. */
  readonly #names = new Map<number, NamespaceName>();
  #tower: Watchtower | undefined;
  #directory: FSWatcher | undefined;
  #mutes = 0;

  /** We are in this namespace now; from here on it is heard too. Idempotent. */
  see(ns: NamespaceName, netnsFd: number): void {
    this.#visited.add(ns);
    if (this.#tower) this.#names.set(this.#tower.add(netnsFd), ns);
  }

  /** Returns the way to stop. */
  listen(onEvent: (event: KernelEvent) => void): () => void {
    const listener = (event: KernelEvent) => onEvent(event);
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#open();
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.close();
    };
  }

  /**
   * Does not hear rows while `work` writes many: their echo would drown the rest. Others' rows are missed meanwhile,
   * so afterwards these namespaces count as changed.
   */
  async withoutRows<T>(namespaces: ReadonlySet<NamespaceName>, work: () => Promise<T>): Promise<T> {
    if (++this.#mutes === 1) this.#tower?.drop(ROWS);
    try {
      return await work();
    } finally {
      if (--this.#mutes === 0) this.#tower?.drop(MISSES);
      for (const ns of namespaces) this.#tell({ dirty: 'namespace', ns });
    }
  }

  close(): void {
    this.#listeners.clear();
    this.#directory?.close();
    this.#tower?.close();
    this.#directory = undefined;
    this.#tower = undefined;
    this.#names.clear();
  }

  #open(): void {
    mkdirSync(NAMESPACE_DIRECTORY, { recursive: true });
    this.#directory = watch(NAMESPACE_DIRECTORY, (_, name) => this.#onName(name));
    const groups = ['LINK', 'NEIGH', 'IPV4_IFADDR', 'IPV6_IFADDR'] as const;
    this.#tower = openWatchtower({ groups }, (event) => this.#onRoute(event));
    this.#tower.drop(MISSES);
    for (const ns of this.#visited) this.#revisit(ns);
  }

  #revisit(ns: NamespaceName): void {
    const opened = openNamespace(namedNamespacePath(ns));
    if (typeof opened === 'string') return;
    this.see(ns, opened.fd);
    close(opened.fd);
  }

  #onRoute(event: RouteEvent): void {
    const ns = event.kind === 'message' ? this.#names.get(event.nsid ?? -1) : undefined;
    if (event.kind === 'overrun') this.#tell({ dirty: 'all' });
    else if (ns !== undefined) this.#tell({ dirty: 'namespace', ns });
  }

  #onName(name: string | null): void {
    if (name === null) this.#tell({ dirty: 'all' });
    else if (this.#visited.has(name)) this.#tell({ dirty: 'namespace', ns: name });
  }

  #tell(event: KernelEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
