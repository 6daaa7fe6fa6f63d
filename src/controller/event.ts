import type { FollowMessage } from '#api/follow-message.ts';
import type { Principal } from '#api/principal.ts';
import type { Admitted } from '#intent/admitted.ts';
import type { Rejection } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Change, Revision } from '#model/records.ts';
import type { Wish } from '#model/wish.ts';
import type { CommitOutcome, Feed } from '#store/store.ts';

/** A wish on its way: who asks, for what, and the number under which the answer is awaited. */
export interface Petition {
  readonly request: number;
  readonly principal: Principal;
  readonly wish: Wish;
  /** Hosts that have settled since it was made (see ask-others.ts). */
  readonly asked?: ReadonlySet<Id>;
}

/** Everything that can happen to the controller's core. */
export type ControllerEvent =
  | { readonly event: 'wished'; readonly petition: Petition }
  | { readonly event: 'fed'; readonly feed: Feed }
  | { readonly event: 'commit-ended'; readonly outcome: CommitOutcome }
  | { readonly event: 'commit-failed'; readonly rejection: Rejection }
  | {
      readonly event: 'follow-began';
      readonly session: number;
      readonly principal: Principal;
      readonly host: string;
    }
  | { readonly event: 'follow-ended'; readonly session: number }
  | { readonly event: 'status-reported'; readonly status: HostStatus }
  | { readonly event: 'tick' };

/** An admitted wish that is committed now: at which revision. */
export type Granted = Admitted & { readonly revision: Revision };

/** What the core wants done; the interpreter does it and tells by events. */
export type ControllerEffect =
  | { readonly effect: 'commit'; readonly changes: readonly Change[]; readonly expected: Revision }
  | { readonly effect: 'answer'; readonly request: number; readonly answer: Granted | Rejection }
  | { readonly effect: 'send'; readonly session: number; readonly message: FollowMessage }
  | { readonly effect: 'end-session'; readonly session: number; readonly rejection: Rejection }
  | { readonly effect: 'keep-status'; readonly status: HostStatus };
