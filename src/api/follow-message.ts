import type { Id } from '#model/id.ts';
import type { Life } from '#model/life.ts';
import type { Change, Revision, StoredRecord } from '#model/records.ts';

/** What an agent that follows is told, in the order in which it holds: first a snapshot, then what changes. */
export type FollowMessage =
  | {
      readonly message: 'snapshot';
      readonly records: readonly StoredRecord[];
      readonly revision: Revision;
      readonly lives: readonly Life[];
    }
  | {
      readonly message: 'delta';
      readonly changes: readonly Change[];
      /** Networks that the host no longer takes part in: all their records go, before anything is changed. */
      readonly forgottenNetworks: readonly Id[];
      readonly revision: Revision;
    }
  /** Nothing that concerns the host has changed up to that revision, and the controller is still there. */
  | { readonly message: 'beat'; readonly revision: Revision };
