import type { Cidr } from '#model/cidr.ts';
import type { Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Family, Ip } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint, EndpointRuntime, Network } from '#model/records.ts';
import type { CreateNetwork } from '#model/wish.ts';

/**
 * What a door, through which a runtime's plugin calls come in (Docker; later CNI and Podman), asks of the agent of its
 * host. All that the host can decide alone works with the controller away. Nothing here waits for ever: what takes too
 * long is a rejection (`unavailable`).
 */
export interface HostDoor {
  readonly host: Id;

  /** Every network that this host has heard of, whether it takes part or not. */
  networks(): readonly Network[];
  /** Calls back whenever that may have changed, and when the controller comes or goes. Returns the way to stop. */
  watchNetworks(onChange: () => void): () => void;
  /** Whether the controller is there: only then is a network that is not heard of no network. */
  isConnected(): boolean;
  /** By the controller. It, or the one that has its name already, is among {@link networks} when this is answered. */
  createNetwork(words: Omit<CreateNetwork, 'wish'>): Promise<Network | Rejection>;
  /** What {@link createNetwork} would answer now, and nothing is made. */
  tryNetwork(words: Omit<CreateNetwork, 'wish'>): Promise<Network | Rejection>;
  /** Where the tunnels of a network end on the other hosts that take part, as far as this host has heard. */
  vtepsOf(network: Id): readonly Ip[];
  /** A subnet of the configured pools that no network has, no host routes, and that overlaps none of `except`. */
  freeSubnet(family: Family, except: readonly Cidr[]): Cidr | Rejection;

  /**
   * Sets an address aside in memory, for a runtime that asks for an address before it has an endpoint: nobody else gets
   * it until it is attached, dropped, or half a minute has passed. The controller is asked when this host's blocks have
   * nothing to give. An address that was asked for by name and that only the controller can grant is held unchecked.
   */
  holdAddress(ask: HoldAsk): Promise<Ip | Rejection>;
  /** Idempotent. */
  dropHold(network: Id, address: Ip): void;

  /**
   * Grants an endpoint, keeps the promise on disk, and makes its port with the other end in the host's own namespace,
   * for the runtime to move. Idempotent by runtime and handle.
   */
  attach(ask: DoorAttach): Promise<DoorAttached | Rejection>;
  /**
   * The runtime will have moved the interface there: found by path, as soon as that is there; seen and healed since.
   * Answered when it is remembered for good. Of the unknown there is nothing to remember.
   */
  settle(runtime: EndpointRuntime, handle: string, sandboxPath: string): Promise<Rejection | undefined>;
  /** What the runtime tells of it only later. Published; the same again changes nothing. */
  describe(runtime: EndpointRuntime, handle: string, words: DoorDescription): void;
  /** Answered when it is remembered for good. The unknown is success. */
  detach(runtime: EndpointRuntime, handle: string): Promise<Rejection | undefined>;
  /** This host's endpoints that came through the door. */
  attached(runtime: EndpointRuntime): readonly DoorAttached[];

  /** What people are to know of the door, all of it: among the host's notices until the next call. */
  showNotices(notices: readonly Notice[]): void;

  /** The door's own memory, in the agent's journal: small, by key, there again after a restart. */
  readonly notes: DoorNotes;
}

export interface HoldAsk {
  readonly network: Id;
  /** One of the network's. */
  readonly subnet: Cidr;
  /** This one, or any. */
  readonly address?: Ip;
}

export interface DoorAttach {
  readonly runtime: EndpointRuntime;
  /** The runtime's word for the endpoint: unique on the host. */
  readonly handle: string;
  readonly network: Id;
  /** One of each of the network's subnets at most; of the others one is chosen. */
  readonly addresses: readonly Ip[];
  readonly mac?: string;
  readonly name?: string;
  readonly aliases: readonly string[];
}

export interface DoorAttached {
  readonly handle: string;
  readonly endpoint: Endpoint;
  /** Of the end that waits in the host's namespace, or that was moved from there: `wfe…`. */
  readonly hostInterface: string;
  /** Known since {@link HostDoor.settle}. */
  readonly sandboxPath?: string;
  /** The sandbox that it was in is no more, or the machine was started anew: what the runtime says of it is asked for. */
  readonly isGone: boolean;
}

export interface DoorDescription {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly containerId: string;
  readonly image?: string;
}

export interface DoorNotes {
  /** Parsed JSON, still to be checked. */
  all(): ReadonlyMap<string, unknown>;
  /** Resolves when it is on disk; undefined forgets. Throws StoreError when it cannot be written. */
  put(key: string, note: unknown): Promise<void>;
}
