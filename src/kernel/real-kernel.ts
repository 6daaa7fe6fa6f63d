import { type KernelOp, type OpResult, sizeOf } from '#model/kernel-op.ts';
import { type Fdb, HOST_NAMESPACE, type KernelObject, type NamespaceName } from '#model/kernel-state.ts';
import { announce } from './announce.ts';
import { Application, isRow } from './apply.ts';
import { ContainerMemory } from './container-memory.ts';
import { FilterMemory } from './filter-read.ts';
import { findEnd } from './find-end.ts';
import { concernsForwarding } from './forward-chains.ts';
import { idleRows } from './idle-rows.ts';
import { KeptVisits } from './kept-visits.ts';
import type {
  Claim,
  FoundEnd,
  Kernel,
  KernelEvent,
  LostEnd,
  Miss,
  MissSource,
  Observed,
  PortFrames,
  PortPlace,
  Scope,
} from './kernel.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import { observe } from './observe.ts';
import { untilInTime } from './settle.ts';
import { Visits } from './visit.ts';

export interface RealKernelOptions {
  /** Messages per send; 1 lets a crash test die between any two. */
  readonly batchSize?: number;
}

/** From so many rows on, their echo is not listened to. */
const MANY_ROWS = 256;

/**
 * This machine's kernel, seen from the network namespace that this thread started in. Needs CAP_NET_ADMIN and
 * CAP_SYS_ADMIN, be it in a user namespace of its own.
 */
export class RealKernel implements Kernel {
  readonly #batchSize: number | undefined;
  readonly #watch = new NamespaceWatch();
  readonly #kept = new KeptVisits();
  readonly #filters = new FilterMemory();
  readonly #containers = new ContainerMemory((ns, cookie) => this.#watch.hears(ns, cookie));
  /** There are links in the host's own namespace, as far as is known. */
  #hasOwn = false;

  constructor({ batchSize }: RealKernelOptions = {}) {
    this.#batchSize = batchSize;
    this.#watch.onEvent = (event) => this.#containers.hear(event);
    this.#watch.isForwarding = (message) => concernsForwarding(message, this.#filters.forwarding.chains);
  }

  /** Throws NetlinkError, for instance EINTR when a table changed during each of several dumps. */
  async observe(scope: Scope): Promise<Observed> {
    this.#watch.watchHost(new Set(scope.bridges), this.#hasOwn);
    const memory = { filters: this.#filters, containers: this.#containers };
    const observed = await this.#visiting(scope, (visits) => observe(scope, visits, memory));
    if (!scope.overlays) {
      this.#filters.keepOnly(observed.namespace);
      this.#watch.keepOnly(scope.containers);
    }
    // A look at some overlays does not see the host's ends of the others.
    this.#hasOwn =
      [...observed.link.values()].some(isInHost) || (this.#hasOwn && scope.overlays !== undefined);
    return observed;
  }

  apply(ops: readonly KernelOp[], scope: Scope): Promise<OpResult[]> {
    if (!this.#hasOwn && ops.some(({ verb, object }) => verb === 'add' && isInHost(object))) {
      this.#hasOwn = true;
      this.#watch.watchHost(new Set(scope.bridges), true);
    }
    const run = () => this.#visiting(scope, (visits) => new Application(ops, visits, this.#batchSize).run());
    const rows = ops.reduce((count, op) => (isRow(op) ? count + sizeOf(op) : count), 0);
    return rows >= MANY_ROWS ? this.#watch.withoutRows(run) : run();
  }

  settle(late: readonly KernelOp[], scope: Scope): Promise<void> {
    return this.#visiting(scope, (visits) => untilInTime(late, visits));
  }

  /** Our own writes are told too, as anybody's. Keeps the process running until stopped. */
  watch(onEvent: (event: KernelEvent) => void): () => void {
    return this.#watch.listen(onEvent);
  }

  watchMisses(onMisses: (misses: readonly Miss[]) => void): void {
    this.#watch.misses.listen(onMisses);
  }

  watchClaims(onClaims: (claims: readonly Claim[]) => void): void {
    this.#watch.onClaims = onClaims;
  }

  muteMisses(source: MissSource, forMs: number): void {
    this.#watch.misses.mute(source, forMs);
  }

  sendFrame(to: Required<MissSource>, frame: Uint8Array): void {
    this.#watch.misses.send(to, frame);
  }

  announce(frames: PortFrames): void {
    const visits = this.#visits(NO_SCOPE);
    try {
      announce(frames, visits);
    } finally {
      visits.close();
    }
  }

  /** Throws NetlinkError. */
  async findEnd(port: PortPlace, path: string): Promise<FoundEnd | LostEnd | undefined> {
    return findEnd(port, path);
  }

  /** Throws NetlinkError. */
  idleRows(overlays: readonly NamespaceName[], idleMs: number): Promise<Fdb[]> {
    return this.#visiting(NO_SCOPE, async (visits) => idleRows(overlays, idleMs, visits));
  }

  async close(): Promise<void> {
    this.#watch.close();
    this.#kept.close();
  }

  #visits(scope: Scope): Visits {
    return new Visits(scope, (ns, opened) => this.#watch.see(ns, opened), this.#kept);
  }

  async #visiting<T>(scope: Scope, work: (visits: Visits) => Promise<T>): Promise<T> {
    const visits = this.#visits(scope);
    try {
      return await work(visits);
    } finally {
      visits.close();
    }
  }
}

/** To overlays alone. */
const NO_SCOPE: Scope = { hostTag: '', containers: [] };

const isInHost = ({ kind, ns }: KernelObject): boolean => kind === 'link' && ns === HOST_NAMESPACE;
