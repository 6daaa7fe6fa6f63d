import type { KernelObject, NamespaceName } from '#model/kernel-state.ts';
import type { ContainerScope, KernelEvent } from './kernel.ts';
import type { Port, Ports } from './veth-pair.ts';

/** To go into a container takes a millisecond of the processor: of many, so many looks take turns. */
const FEW = 16;
const ROUNDS = 6;

/** What is seen in a container: its interfaces with all that they have, and which of them are ends of our pairs. */
export interface SeenContainer {
  readonly objects: readonly KernelObject[];
  readonly ends: readonly { readonly port: Port; readonly name: string }[];
}

/**
 * Containers as they were read last, as long as nothing is heard from there: to go into each of a hundred takes longer
 * than all else of a look. That a namespace is still there, and our interfaces in it, the ports tell: their pairs' other
 * ends are where they were.
 */
export class ContainerMemory {
  /** In the order in which they were read. */
  readonly #known = new Map<NamespaceName, Known>();
  readonly #isHeard: (ns: NamespaceName, cookie: string) => boolean;

  constructor(isHeard: (ns: NamespaceName, cookie: string) => boolean) {
    this.#isHeard = isHeard;
  }

  hear(event: KernelEvent): void {
    if (event.dirty === 'all') this.#known.clear();
    else if (event.dirty === 'namespace') this.#known.delete(event.ns);
  }

  /** Undefined when it has to be read. */
  recall(
    { namespace: { path, cookie }, interfaces }: ContainerScope,
    ports: Ports,
  ): SeenContainer | undefined {
    const known = this.#known.get(path);
    if (known?.cookie !== cookie || known.interfaces !== interfaces.join(' ')) return undefined;
    if (!this.#isHeard(path, cookie)) return undefined;
    const ends = known.ends.flatMap(({ name, port: before }) => {
      const port = ports.named(before.visit.ns, before.row.name ?? '');
      return port && isSamePort(port, before) ? { name, port } : [];
    });
    return ends.length === known.ends.length ? { objects: known.objects, ends } : undefined;
  }

  /** Only what our ports prove to be there can be recalled. */
  keep({ namespace: { path, cookie }, interfaces }: ContainerScope, { objects, ends }: SeenContainer): void {
    const isProven = interfaces.every((name) => ends.some((end) => end.name === name));
    this.#known.delete(path);
    if (isProven) this.#known.set(path, { cookie, interfaces: interfaces.join(' '), objects, ends });
  }

  /** Forgets a share of them, those first that were read longest ago; all within some looks. */
  forgetSome(): void {
    const count = Math.max(FEW, Math.ceil(this.#known.size / ROUNDS));
    for (const path of [...this.#known.keys()].slice(0, count)) this.#known.delete(path);
  }

  /** Those that are not looked at any more are no use. */
  keepOnly(containers: readonly ContainerScope[]): void {
    const paths = new Set(containers.map(({ namespace }) => namespace.path));
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#known.delete(path);
  }
}

interface Known extends SeenContainer {
  readonly cookie: string;
  readonly interfaces: string;
}

/** With the other end under the same number in the same namespace. */
const isSamePort = (a: Port, b: Port): boolean =>
  a.visit.cookie === b.visit.cookie &&
  a.row.index === b.row.index &&
  a.row.link === b.row.link &&
  a.row.linkNetnsId === b.row.linkNetnsId;
