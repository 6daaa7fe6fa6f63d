import { statSync } from 'node:fs';
import { HOST_NAMESPACE, isContainer, type NamespaceName } from '#model/kernel-state.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import type { Visit } from './visit.ts';

/** Long enough from one request of a burst to the next: an open socket keeps alive what its owner has removed. */
const KEEP_MS = 500;
/** A look goes into every network's namespace, and each kept one has some descriptors. */
const MOST = 8;

/**
 * Visits to overlays' namespaces that are over, for those that follow soon: some thirty calls of the kernel less for
 * each. One is used by one caller at a time.
 */
export class KeptVisits {
  readonly #kept = new Map<NamespaceName, { readonly visit: Visit; readonly timer: NodeJS.Timeout }>();

  /** It is the caller's, who keeps or closes it. */
  take(ns: NamespaceName): Visit | undefined {
    const visit = this.#remove(ns);
    if (!visit || isStillThere(visit)) return visit;
    visit.close();
    return undefined;
  }

  /** The visit is over. */
  keep(visit: Visit): void {
    const { ns } = visit;
    const hasRoom = this.#kept.size < MOST && !this.#kept.has(ns);
    if (isContainer(ns) || !hasRoom || !visit.isSound) {
      visit.close();
      return;
    }
    visit.forget();
    const timer = setTimeout(() => this.#remove(ns)?.close(), KEEP_MS).unref();
    this.#kept.set(ns, { visit, timer });
  }

  close(): void {
    for (const ns of [...this.#kept.keys()]) this.#remove(ns)?.close();
  }

  #remove(ns: NamespaceName): Visit | undefined {
    const kept = this.#kept.get(ns);
    clearTimeout(kept?.timer);
    this.#kept.delete(ns);
    return kept?.visit;
  }
}

/** What is open keeps its inode: whoever has it at that path is the same. */
function isStillThere({ ns, opened }: Visit): boolean {
  if (ns === HOST_NAMESPACE) return true;
  const found = statSync(namedNamespacePath(ns), { throwIfNoEntry: false });
  return found !== undefined && found.dev === opened?.dev && found.ino === opened.inode;
}
