import type { BridgeFacts } from '#model/bridge-facts.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import type { Fdb, KernelState, NamespaceName, Neighbour } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import type { ForwardDrop } from '#model/permit.ts';

/** What to look at. Overlay namespaces of the host are always found by their name. */
export interface Scope {
  /** Ours are the namespaces `weft-<hostTag>-…`. */
  readonly hostTag: string;
  /** Only these overlay namespaces; absent means all of the host's. */
  readonly overlays?: readonly NamespaceName[];
  /** Container namespaces; in them only the named interfaces and `lo` are looked at. */
  readonly containers: readonly ContainerScope[];
  /** Adopted bridges of the host's own namespace, by name. */
  readonly bridges?: readonly string[];
  /** Of the rows of tables, of which there can be many, only their sums, or nothing at all. */
  readonly rows?: 'sums' | 'none';
  /**
   * Of a container from which nothing was heard since it was read last, what was seen then will do. `mostly`: some are
   * read all the same, those first that were read longest ago.
   */
  readonly trustsSilence?: true | 'mostly';
}

/** What was seen. */
export type Observed = KernelState & {
  /** By overlay namespace: the same as long as its tables are, but for what the kernel learns. */
  readonly rowSums: ReadonlyMap<NamespaceName, string>;
  /** Of the bridges in scope those that are there. */
  readonly bridges: ReadonlyMap<string, BridgeFacts>;
  /** What others' chains of the host's own namespace drop of what it forwards. */
  readonly drops: readonly ForwardDrop[];
};

export interface ContainerScope {
  readonly namespace: NamespaceRef;
  readonly interfaces: readonly string[];
}

/** Something may have changed. */
export type KernelEvent =
  /** Links, addresses or rows of a namespace, or its name; of a container its path. */
  | {
      readonly dirty: 'namespace';
      readonly ns: NamespaceName;
      /** A veth of an overlay that is up, and whose other end is. */
      readonly raised?: string;
      /** In the host's own namespace, where it is not about everything: a device of ours, or our rules. */
      readonly about?: { readonly device: string } | 'rules';
    }
  /** A row of a VXLAN device, or of a bridge, is like this now, or is gone (then only its key counts). */
  | { readonly dirty: 'row'; readonly row: Fdb | Neighbour; readonly gone: boolean }
  /** Events were lost. */
  | { readonly dirty: 'all' };

/** What a container's frame was meant for, and no row of a VXLAN device told that tells its misses. */
export type Miss =
  /** An ARP request or neighbour solicitation, as it came in at a port; nobody knows yet whether a row answers it. */
  | {
      readonly missed: 'question';
      readonly ns: NamespaceName;
      readonly port: number;
      readonly frame: Uint8Array;
    }
  /** A frame for a MAC without a row was dropped: `l2miss`. */
  | { readonly missed: 'mac'; readonly ns: NamespaceName; readonly mac: Mac };

/** An ARP or neighbour discovery frame that came in at a port of an adopted bridge, other than our own. */
export interface Claim {
  readonly bridge: string;
  readonly frame: Uint8Array;
}

/** Where misses come from: a port by its ifindex, or without one the VXLAN device that knows no MAC. */
export interface MissSource {
  readonly ns: NamespaceName;
  readonly port?: number;
}

/**
 * Frames that each of these ports of an overlay is to get; or all, but for that of whom a frame bears the MAC, and without
 * rules (`canFilter`) tunnels as well.
 */
export interface PortFrames {
  readonly ns: NamespaceName;
  /** By name. */
  readonly ports: readonly string[] | 'all';
  readonly frames: readonly Uint8Array[];
}

export interface PortPlace {
  readonly ns: NamespaceName;
  readonly name: string;
}

/** Where the other end of a port is, and what it is called there. */
export interface FoundEnd {
  readonly namespace: NamespaceRef;
  readonly interface: string;
  readonly isUp: boolean;
}

/** There is no such port any more, and so no other end. */
export interface LostEnd {
  /** Where it was looked for. */
  readonly namespace: NamespaceRef;
  /** The names that are taken there. */
  readonly interfaces: readonly string[];
}

/**
 * The Linux kernel as a value: looked at whole, changed by a list of ops. One contract suite
 * (`kernel.contract.ts`) holds for the real one and for the fake.
 */
export interface Kernel {
  /**
   * All objects in scope, strangers inside our namespaces included. Never a half-read table: an interrupted dump
   * is repeated. A container namespace that is gone, or is another one by now, is simply absent from the result.
   */
  observe(scope: Scope): Promise<Observed>;

  /**
   * Applies in the given order, batched by namespace. Idempotent: adding what is there (and equal) and deleting
   * what is absent succeed. One failure does not stop the others. Results are in the order of the ops; of one with many
   * rows there is one, or, as when some were refused, one for each row.
   */
  apply(ops: readonly KernelOp[], scope: Scope): Promise<OpResult[]>;

  /** Comes back when what was late has taken effect, or soon all the same. Other calls need not wait for it. */
  settle(late: readonly KernelOp[], scope: Scope): Promise<void>;

  /**
   * Calls back whenever something may have changed in the overlay namespaces, and in the containers' since they were
   * last in a scope. Returns the way to stop.
   */
  watch(onEvent: (event: KernelEvent) => void): () => void;

  /**
   * Calls back with the misses of networks that ask on demand, until `watch` is stopped, and only while it watches.
   * Some may be lost: who waits for an answer asks again.
   */
  watchMisses(onMisses: (misses: readonly Miss[]) => void): void;

  /**
   * Calls back with what those behind the adopted bridges of the last scope say by ARP and neighbour discovery, until
   * `watch` is stopped, and only while it watches. Of one who says much, most is not heard.
   */
  watchClaims(onClaims: (claims: readonly Claim[]) => void): void;

  /** Hears no misses from there for some time. */
  muteMisses(source: MissSource, forMs: number): void;

  /** Hands a frame to the container behind a port; one that is gone gets none. */
  sendFrame(to: Required<MissSource>, frame: Uint8Array): void;

  /** Hands frames to the containers behind these ports of an overlay, and to nobody else; one that is gone gets none. */
  announce(frames: PortFrames): void;

  /** The other end of a port of ours in the namespace at that path; undefined as long as it is not there, or that. */
  findEnd(port: PortPlace, path: string): Promise<FoundEnd | LostEnd | undefined>;

  /** The unicast rows of these overlays' VXLAN devices by which no frame was sent for so long. */
  idleRows(overlays: readonly NamespaceName[], idleMs: number): Promise<Fdb[]>;

  /** Lets go of sockets and workers; the kernel's state stays as it is. */
  close(): Promise<void>;
}
