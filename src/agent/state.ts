import type { HoldAsk } from '#api/door.ts';
import type { BridgeFacts } from '#model/bridge-facts.ts';
import { CountedMap } from '#model/counted-map.ts';
import type { Rejection } from '#model/fault.ts';
import type { HostStatus, Outage, RefusedFrames } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import type { ForwardDrop, Permit } from '#model/permit.ts';
import type { Endpoint, Revision } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import type { Survey } from '#model/survey.ts';
import { type Forwarded, NOTHING_FORWARDED } from '#plan/permit.ts';
import { type Attachment, isUntold } from './attachment.ts';
import type { AttachAsk, PortFinding } from './event.ts';
import { type HandBack, UNTOLD } from './hand-back.ts';
import { createMissState, type MissState } from './misses.ts';
import { createNamesState, type NamesState } from './names.ts';
import { keepOwnWord } from './own-word.ts';
import { type RuntimePace, restingPace } from './pace.ts';
import type { KnownStations } from './stations.ts';
import { createTurn, type Turn } from './turn-state.ts';

/** All that the agent's core knows. It belongs to the core and is changed in place. */
export interface AgentState {
  /** When the present event came; never goes back. */
  nowMs: number;
  /** How much time until then there was nothing to do. */
  idleMs: number;
  /** This boot of the machine. */
  readonly bootId: string;
  readonly name: string;
  /** Made up at the first start and kept ever since. */
  readonly host: Id;
  /** What the controller said last, possibly long ago. */
  readonly view: Snapshot;
  /** A controller has confirmed the view on the present session; until then the agent deletes next to nothing. */
  confirmed: boolean;
  readonly session: SessionState;
  /** By endpoint. */
  readonly attachments: CountedMap<Id, Attachment>;
  /** Of which the journal does not say yet what `attachments` says, and why (see keep-journal.ts). */
  readonly unwritten: Map<Id, 'writing' | Rejection>;
  /** Endpoints that the journal says are attached and the controller still to be told of, whatever is true by now. */
  readonly untoldOnDisk: Set<Id>;
  readonly attaching: Map<number, Attaching>;
  /** Endpoints whose publication is under way. */
  readonly publishing: Set<Id>;
  /** Endpoints of which the controller knows, but for what was told of them last (see retell.ts). */
  readonly retold: Set<Id>;
  /** The controller may have granted what nobody here remembers: an answer was lost, or a process. */
  orphansPossible: boolean;
  /** Such endpoints, being given back. */
  readonly releasing: Map<Id, Endpoint>;
  /** Endpoints of which the controller is being told that they are detached. */
  readonly telling: Set<Id>;
  /** Endpoints that are detached, of which the controller has taken note. */
  readonly told: Set<Id>;
  /** Detached endpoints of which the controller has not even been asked to take note, by this process or another. */
  readonly unasked: Set<Id>;
  /** Detached endpoints whose ports are to be deleted, or being deleted (see unplug.ts). */
  readonly unplugging: Map<Id, 'waiting' | 'going'>;
  /** Endpoints that the controller took away since this process began. */
  readonly revoked: Map<Id, Endpoint>;
  /** By network, addresses given back here, and when; oldest first (see rest.ts). */
  readonly resting: Map<Id, Map<Ip, number>>;
  readonly holding: Map<number, Holding>;
  /** By network and address. */
  readonly holds: Map<string, Hold>;
  /** What the controller granted last for a hold: the view must have come this far before more is asked. */
  heldRevision: Revision;
  /** By network, how many addresses this host gives before it counts what is left (see acquire-ahead.ts). */
  readonly ahead: Map<Id, number>;
  /** Interfaces that runtimes move, by endpoint (see seek-end.ts). */
  readonly seeking: Map<Id, Seeking>;
  /** Who waits until the journal says where a runtime moves an interface, and of which endpoint. */
  readonly noting: Map<number, Id>;
  readonly runtime: RuntimePace;
  /** What a door wants people to know. */
  doorNotices: readonly Notice[];
  /** What is to be known of this host's way to the others. */
  hostNotices: readonly Notice[];
  /** Networks whose blocks are going back, from which nothing is given; and since when this host is out of others. */
  readonly handingBack: Map<Id, HandBack>;
  readonly idleSince: Map<Id, number>;
  /** Who is behind this host's adopted bridges, by adoption (see stations.ts). */
  readonly stations: Map<Id, KnownStations>;
  /** What was found around adopted bridges last, and when the next is due; Infinity while one is under way. */
  survey?: Survey;
  surveyAtMs: number;
  /** What was found at the ports published on this host, by publication: all that were looked at. */
  portHolders: PortHolders;
  /** Since when two hosts have the same, by network and what it is. */
  readonly clashes: Map<string, number>;
  /** Adopted bridges that the last turn saw; none before the first. */
  bridges?: ReadonlyMap<string, BridgeFacts>;
  /** What this host forwards, and what the last look found of those who drop it and of our rules among theirs. */
  forwarded: Forwarded;
  drops: readonly ForwardDrop[];
  permits: readonly Permit[];
  readonly detaching: Map<number, Detaching>;
  /** Why this host is not in a network that is exposed on it, and when it is tried again; by exposure. */
  readonly unexposed: Map<Id, Unexposed>;
  /** For how long the tunnel of a network was away when it was made anew last. */
  readonly outages: Map<Id, Outage>;
  /** After a reset nothing of ours may stand, whatever the view says, until somebody attaches again. */
  wishesNothing: boolean;
  /** Whether this kernel has nf_tables. */
  canFilter: boolean;
  hasIpv6: boolean;
  /** Whether a VXLAN device that is up joins a group that it is given. */
  rejoinsGroups: boolean;
  /** What the last look found counted. */
  refused: readonly RefusedFrames[];
  /** Requests that wait until nothing of ours is left, and since when. */
  readonly resetting: Map<number, number>;
  /** Of networks that ask on demand. */
  readonly misses: MissState;
  /** What this host's resolver was told. */
  readonly names: NamesState;
  readonly turn: Turn;
  status?: HostStatus;
}

export interface SessionState {
  connected: boolean;
  /** Failed tries in a row, and why the last one failed. */
  failures: number;
  reason: string;
  refusal?: Rejection;
  /** When the controller spoke last, or was to be called; unknown before the first tick. */
  lastHeardMs: number | undefined;
  headRevision: Revision;
  /** The view's revision on disk. */
  keptRevision: Revision;
  /** What this host keeps to (see own-word.ts). */
  settledRevision: Revision;
  lastReportMs: number;
  /** What was told last. */
  lastReport: string;
}

/** An attach on its way: waiting its turn → granted → in the journal → in the kernel (or taken back) → answered. */
export interface Attaching {
  readonly ask: AttachAsk;
  readonly sinceMs: number;
  readonly phase: 'waiting' | 'granting' | 'journaling' | 'settling' | 'refused';
  /** The answer, once the journal says that nothing is promised. */
  readonly refusal?: Rejection;
  /** The view's revision at which the own blocks had nothing for it. */
  readonly refusedAt?: Revision;
  /** What the journal is to say, and its endpoint. */
  readonly attachment?: Attachment;
  readonly endpoint?: Endpoint;
  /** It stood before this was asked for: whatever becomes of the asking, it stays. */
  readonly stood?: boolean;
  /** A pair for a runtime was ordered after this look; another comes after the next, should it be needed. */
  readonly pluggedAfterMs?: number;
  /** It was detached while it was being written down once more. */
  readonly isOvertaken?: boolean;
  /** What was detached while the controller was being asked, and can be what it grants nevertheless. */
  readonly gone?: readonly Id[];
  /** It settles while the disk flushes what is promised: the answer waits for that, too. */
  readonly isFlushing?: boolean;
  /** While the disk flushes: nothing else is waited for. */
  readonly isPlugged?: boolean;
  /** What there was of it for all to know; nothing, when nobody but this request knows of it. */
  readonly before?: Endpoint;
  /** The view must have come this far before the kernel can be right. */
  readonly revision: Revision;
  readonly notices: readonly Notice[];
}

/** A detach on its way: out of the kernel and known to the controller. */
export interface Detaching {
  readonly endpoints: readonly Endpoint[];
  readonly sinceMs: number;
  /** Answered when this host remembers it, be the controller there or not. */
  readonly isHasty: boolean;
}

/** An address to be set aside: waiting its turn → asked of the controller, if need be → answered. */
export interface Holding {
  readonly ask: HoldAsk;
  readonly sinceMs: number;
  readonly phase: 'waiting' | 'granting';
  /** The view's revision at which the own blocks had nothing for it. */
  readonly refusedAt?: Revision;
}

/** An address that was set aside. */
export interface Hold {
  readonly untilMs: number;
  /** The controller granted it with one that is nobody's yet, at that revision. */
  readonly grant?: { readonly endpoint: Endpoint; readonly revision: Revision };
}

/** An interface that its runtime moves, and when to look for it next; Infinity while one looks. */
export interface Seeking {
  readonly sinceMs: number;
  readonly nextMs: number;
}

export interface PortHolders {
  readonly holders: ReadonlyMap<Id, PortFinding>;
  /** When it is to be looked again. */
  readonly nextMs: number;
  readonly isLooking: boolean;
}

/** What became of the last try. */
export interface Unexposed {
  readonly refusal: Rejection;
  readonly retryAtMs: number;
}

/** What was promised before counts, however old the view is. */
export function createAgentState(start: AgentStart): AgentState {
  const state = emptyState(start);
  for (const attachment of state.attachments.values())
    keepOwnWord(state, { ...attachment, published: false });
  return state;
}

/** What the last process left. */
export interface AgentStart {
  readonly bootId: string;
  readonly name: string;
  readonly host: Id;
  readonly view?: Snapshot;
  readonly attachments: Iterable<Attachment>;
  /** Networks whose blocks were going back. */
  readonly handingBack: Iterable<Id>;
}

const emptyState = (start: AgentStart): AgentState => ({
  nowMs: 0,
  idleMs: 0,
  bootId: start.bootId,
  name: start.name,
  host: start.host,
  view: start.view ?? new Snapshot(),
  confirmed: false,
  session: {
    connected: false,
    failures: 0,
    reason: '',
    lastHeardMs: undefined,
    headRevision: 0,
    keptRevision: start.view?.revision ?? 0,
    settledRevision: 0,
    lastReportMs: 0,
    lastReport: '',
  },
  attachments: new CountedMap(
    [...start.attachments].map((attachment) => [attachment.endpoint.id, attachment]),
  ),
  unwritten: new Map(),
  untoldOnDisk: new Set([...start.attachments].filter(isUntold).map(({ endpoint }) => endpoint.id)),
  attaching: new Map(),
  publishing: new Set(),
  retold: new Set(),
  orphansPossible: true,
  releasing: new Map(),
  telling: new Set(),
  told: new Set(),
  unasked: new Set(),
  unplugging: new Map(
    [...start.attachments].flatMap(({ endpoint, state: is }) =>
      is === 'detaching' ? [[endpoint.id, 'waiting']] : [],
    ),
  ),
  revoked: new Map(),
  resting: new Map(),
  holding: new Map(),
  holds: new Map(),
  heldRevision: 0,
  ahead: new Map(),
  seeking: new Map(
    [...start.attachments].flatMap(({ endpoint, namespace, sandboxPath }) =>
      !namespace && sandboxPath ? [[endpoint.id, { sinceMs: 0, nextMs: 0 }]] : [],
    ),
  ),
  noting: new Map(),
  runtime: restingPace(),
  doorNotices: [],
  hostNotices: [],
  handingBack: new Map([...start.handingBack].map((network) => [network, UNTOLD])),
  idleSince: new Map(),
  stations: new Map(),
  surveyAtMs: 0,
  portHolders: { holders: new Map(), nextMs: 0, isLooking: false },
  clashes: new Map(),
  forwarded: NOTHING_FORWARDED,
  drops: [],
  permits: [],
  detaching: new Map(),
  unexposed: new Map(),
  outages: new Map(),
  wishesNothing: false,
  canFilter: true,
  hasIpv6: true,
  rejoinsGroups: true,
  refused: [],
  resetting: new Map(),
  misses: createMissState(),
  names: createNamesState(),
  turn: createTurn(),
});

/** One generation of an endpoint. */
export const promiseKey = ({ id, generation }: Endpoint): string => `${id} ${generation}`;

/** Attachments whose container can still be there. */
export const liveAttachments = (state: AgentState): Attachment[] =>
  [...state.attachments.values()].filter(
    (attachment) => attachment.state === 'attached' && attachment.bootId === state.bootId,
  );
