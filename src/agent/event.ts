import type { DoorDescription, HoldAsk } from '#api/door.ts';
import type { FollowMessage } from '#api/follow-message.ts';
import type { Sandbox, Trouble } from '#api/names-feed.ts';
import type { Chance } from '#intent/admitted.ts';
import type {
  Claim,
  FoundEnd,
  KernelEvent,
  LostEnd,
  Miss,
  MissSource,
  Observed,
  PortFrames,
  PortPlace,
  Scope,
} from '#kernel/kernel.ts';
import type { Rejection } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import type { Fdb, NamespaceName } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint, EndpointRuntime, Network, Publication, Revision, Station } from '#model/records.ts';
import type { Survey, SurveyAsk } from '#model/survey.ts';
import type { AcquireBlocks, AttachEndpoint, DetachEndpoint } from '#model/wish.ts';
import type { Manner } from '#store/journal.ts';
import type { Announcement } from './announce.ts';
import type { JournalEntry } from './attachment.ts';
import type { Concern } from './concern.ts';

/** Attach, in the user's words, and where the interface is to be. */
export type AttachAsk = (ToNamespace | ThroughDoor) & {
  readonly words: Omit<AttachEndpoint, 'wish' | 'host' | 'runtime'>;
};

/** Which has been opened and is known. */
interface ToNamespace {
  readonly namespace: NamespaceRef;
  readonly door?: undefined;
  /** The host itself is to be in the network: nobody asked but its record (see keep-exposed.ts). */
  readonly exposure?: Id;
}

/** Its runtime will move it. */
interface ThroughDoor {
  readonly namespace?: undefined;
  readonly door: DoorHandle;
  readonly exposure?: undefined;
}

/** What a runtime calls an endpoint of its own. */
export interface DoorHandle {
  readonly runtime: EndpointRuntime;
  readonly handle: string;
}

/** Which endpoints: one by id or name, or all of a namespace. */
export interface DetachAsk {
  readonly endpoint?: string;
  /** Name or id; narrows a name that several networks know. */
  readonly network?: string;
  readonly namespacePath?: string;
  /** Then nobody waits for the controller to have heard of it. */
  readonly door?: DoorHandle;
}

/** Time and chance, handed in with every event. */
export interface Moment {
  /** Never goes back. */
  readonly nowMs: number;
  /** How much of it there was nothing to do. */
  readonly idleMs: number;
  readonly chance: Chance;
}

/** Everything that can happen to the agent's core. */
export type AgentEvent =
  | { readonly event: 'asked-attach'; readonly request: number; readonly ask: AttachAsk }
  | { readonly event: 'asked-detach'; readonly request: number; readonly ask: DetachAsk }
  /** A bridge of this host was adopted: after a reset that is the end of wishing nothing. */
  | { readonly event: 'adopted' }
  /** Somebody asks for what the controller knows. */
  | { readonly event: 'asked-around' }
  | { readonly event: 'asked-reset'; readonly request: number }
  | { readonly event: 'attach-granted'; readonly request: number; readonly grant: AttachGrant | Rejection }
  | { readonly event: 'asked-hold'; readonly request: number; readonly ask: HoldAsk }
  | { readonly event: 'hold-granted'; readonly request: number; readonly grant: AttachGrant | Rejection }
  | { readonly event: 'hold-dropped'; readonly network: Id; readonly address: Ip }
  /** The runtime moves the interface to that path. */
  | {
      readonly event: 'moving';
      readonly request: number;
      readonly door: DoorHandle;
      readonly sandboxPath: string;
    }
  | { readonly event: 'end-sought'; readonly endpoint: Id; readonly found?: FoundEnd | LostEnd }
  | { readonly event: 'described'; readonly door: DoorHandle; readonly words: DoorDescription }
  | { readonly event: 'door-noticed'; readonly notices: readonly Notice[] }
  | { readonly event: 'host-noticed'; readonly notices: readonly Notice[] }
  | {
      readonly event: 'published';
      readonly endpoint: Id;
      readonly generation: number;
      /** At which the controller has it, or why it does not take it. */
      readonly outcome: Revision | Rejection;
    }
  | { readonly event: 'detach-granted'; readonly endpoint: Id; readonly refused?: Rejection }
  /** Or not: in vain. */
  | { readonly event: 'blocks-acquired'; readonly network: Id }
  | {
      readonly event: 'blocks-returned';
      readonly network: Id;
      /** At which the controller has them, or why it does not take them. */
      readonly outcome: Revision | Rejection;
    }
  /** It will say this even if this process dies now. Whether it does after a power cut is not known yet. */
  | { readonly event: 'journal-written'; readonly key: string }
  /** It says this now, or nothing. */
  | { readonly event: 'journaled'; readonly key: string; readonly entry?: JournalEntry }
  | {
      readonly event: 'stations-published';
      readonly adoption: Id;
      /** At which the controller has them, or why it does not take them. */
      readonly outcome: Revision | Rejection;
    }
  | { readonly event: 'surveyed'; readonly survey: Survey }
  | { readonly event: 'port-holders-found'; readonly holders: ReadonlyMap<Id, PortFinding> }
  | { readonly event: 'journal-failed'; readonly key: string; readonly rejection: Rejection }
  | { readonly event: 'heard'; readonly message: FollowMessage }
  | { readonly event: 'view-kept'; readonly revision: Revision }
  | {
      readonly event: 'disconnected';
      readonly reason: string;
      /** The controller is there, and does not take this host. */
      readonly refusal?: Rejection;
    }
  | { readonly event: 'kernel-changed'; readonly changes: readonly KernelEvent[] }
  | { readonly event: 'observed'; readonly state: Observed }
  | { readonly event: 'observe-failed'; readonly text: string }
  | { readonly event: 'applied'; readonly results: readonly OpResult[] }
  | {
      readonly event: 'shortcut-ended';
      readonly purpose: ShortcutPurpose;
      readonly results: readonly OpResult[];
    }
  | { readonly event: 'missed'; readonly misses: readonly Miss[] }
  | { readonly event: 'claimed'; readonly claims: readonly Claim[] }
  | { readonly event: 'found-idle'; readonly rows: readonly Fdb[] }
  | { readonly event: 'unplugged'; readonly endpoints: readonly Id[]; readonly results: readonly OpResult[] }
  /** This host's resolver listens; it has names of that revision, 0 for none. */
  | { readonly event: 'resolver-came'; readonly revision: Revision }
  /** It is gone, or did not come. */
  | { readonly event: 'resolver-gone' }
  | { readonly event: 'resolver-troubled'; readonly troubles: readonly Trouble[] }
  | { readonly event: 'tick' };

/** Why a shortcut was taken: for an attach, to come up to a revision, or for those who asked or are to know; they hear it then. */
export interface ShortcutPurpose {
  readonly request?: number;
  readonly revision?: Revision;
  readonly answers?: readonly FrameOut[];
  readonly announcements?: readonly Announcement[];
  /** Whose rows somebody has changed: a look tells whether all else is well. */
  readonly mended?: Concern;
}

/** A frame for the container behind a port. */
export interface FrameOut {
  readonly to: Required<MissSource>;
  readonly frame: Uint8Array;
}

export interface AttachGrant {
  readonly endpoint: Endpoint;
  readonly revision: Revision;
  readonly notices: readonly Notice[];
}

/** What the core wants done; the interpreter does it and tells by events. */
export type AgentEffect =
  | { readonly effect: 'connect'; readonly afterMs: number }
  | { readonly effect: 'disconnect'; readonly reason: string }
  | { readonly effect: 'ask-attach'; readonly request: number; readonly wish: AttachEndpoint }
  /** The same for an address that is only set aside. */
  | { readonly effect: 'ask-hold'; readonly request: number; readonly wish: AttachEndpoint }
  | { readonly effect: 'publish'; readonly endpoint: Endpoint }
  | { readonly effect: 'ask-detach'; readonly wish: DetachEndpoint }
  | { readonly effect: 'ask-blocks'; readonly wish: AcquireBlocks }
  | { readonly effect: 'ask-return'; readonly network: Id }
  | {
      readonly effect: 'publish-stations';
      readonly adoption: Id;
      readonly stations: readonly Station[];
    }
  /** Look around. */
  | ({ readonly effect: 'survey' } & SurveyAsk)
  /** See which programs have these ports. */
  | { readonly effect: 'find-port-holders'; readonly publications: readonly Publication[] }
  /** Look whether a port's other end is there. */
  | {
      readonly effect: 'seek-end';
      readonly endpoint: Id;
      readonly port: PortPlace;
      readonly path: string;
    }
  | {
      readonly effect: 'journal-put';
      readonly key: string;
      readonly entry: JournalEntry;
      readonly manner?: Manner;
      /** By `journal-written`. */
      readonly tellWritten?: true;
    }
  | { readonly effect: 'journal-delete'; readonly key: string; readonly manner?: Manner }
  | { readonly effect: 'keep-view' }
  | { readonly effect: 'observe'; readonly scope: Scope }
  /** A `tick` then, before the next regular one. */
  | { readonly effect: 'wake'; readonly afterMs: number }
  | { readonly effect: 'apply'; readonly ops: readonly KernelOp[]; readonly scope: Scope }
  | {
      readonly effect: 'shortcut';
      readonly ops: readonly KernelOp[];
      readonly scope: Scope;
      readonly purpose: ShortcutPurpose;
    }
  | { readonly effect: 'send-frames'; readonly frames: readonly FrameOut[] }
  | { readonly effect: 'announce'; readonly frames: PortFrames }
  | { readonly effect: 'mute-misses'; readonly source: MissSource; readonly forMs: number }
  | { readonly effect: 'find-idle'; readonly overlays: readonly NamespaceName[]; readonly idleMs: number }
  /** Deletes ports, which takes long: nothing that comes after waits for it. */
  | {
      readonly effect: 'unplug';
      readonly endpoints: readonly Id[];
      readonly ops: readonly KernelOp[];
      readonly scope: Scope;
    }
  /** Finds this host's resolver, or starts one. */
  | { readonly effect: 'call-resolver' }
  /** What the view says of these, or that it has them no more. */
  | { readonly effect: 'tell-names'; readonly ids: readonly Id[] | 'all' }
  | { readonly effect: 'tell-sandboxes'; readonly sandboxes: readonly Sandbox[] }
  | { readonly effect: 'tell-current'; readonly isCurrent: boolean }
  | { readonly effect: 'report-status'; readonly status: HostStatus }
  | { readonly effect: 'answer'; readonly request: number; readonly answer: Answer | Rejection };

export type Answer =
  | {
      readonly answer: 'attached';
      readonly endpoint: Endpoint;
      readonly network: Network;
      readonly notices: readonly Notice[];
    }
  | {
      readonly answer: 'detached';
      readonly endpoints: readonly Endpoint[];
      readonly notices: readonly Notice[];
    }
  | { readonly answer: 'held'; readonly address: Ip }
  | { readonly answer: 'noted' }
  | { readonly answer: 'reset' };

/** What this host has at a published port, beside the endpoint. */
export interface PortFinding {
  /** The program that takes what comes for it. */
  readonly holder?: string;
  /** It is published at an address that this host does not have. */
  readonly lacksAddress?: boolean;
}
