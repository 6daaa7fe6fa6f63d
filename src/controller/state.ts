import type { Pools } from '#intent/pools.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Revision } from '#model/records.ts';
import type { Snapshot } from '#model/snapshot.ts';
import type { Granted, Petition } from './event.ts';
import type { Session } from './follow.ts';

/** All that the controller's core knows. It belongs to the core and is changed in place. */
export interface ControllerState {
  readonly snapshot: Snapshot;
  readonly pools: Pools;
  readonly sessions: Map<number, Session>;
  readonly waiting: Petition[];
  underWay?: { readonly petition: Petition; readonly granted: Granted };
  /** What each host said last. */
  readonly statuses: Map<Id, HostStatus>;
  /** When each host said something last (see silence.ts). */
  readonly heardMs: Map<Id, number>;
  /** Of networks that are being changed (see drive-changes.ts). */
  readonly phases: Map<Id, Phase>;
  /** Wishes that other hosts must make room for first. */
  readonly asking: Asking[];
}

/** A phase of a change, as this controller sees it. */
export interface Phase {
  readonly since: Revision;
  /** When it was seen first. */
  readonly seenMs: number;
  /** Hosts that an earlier phase did not wait for any longer. */
  readonly left: Set<Id>;
}

/** A wish that waits until other hosts have settled (see ask-others.ts). */
export interface Asking {
  readonly petition: Petition;
  readonly revision: Revision;
  /** Who has not settled yet. */
  readonly hosts: Set<Id>;
  readonly sinceMs: number;
}

export const createControllerState = (snapshot: Snapshot, pools: Pools): ControllerState => ({
  snapshot,
  pools,
  sessions: new Map(),
  waiting: [],
  asking: [],
  statuses: new Map(),
  heardMs: new Map(),
  phases: new Map(),
});
