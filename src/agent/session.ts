import type { FollowMessage } from '#api/follow-message.ts';
import { ownBlockWith } from '#intent/own-blocks.ts';
import type { Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { sharedUpTo } from '#model/life.ts';
import { type Change, type Endpoint, put, type Revision, remove } from '#model/records.ts';
import { aboutNetworks } from './concern.ts';
import type { AgentEffect } from './event.ts';
import { dropHidden } from './keep-exposed.ts';
import { releaseOrphans } from './orphans.ts';
import { dropRevoked, keepOwnWords, subjectsOf } from './own-word.ts';
import { tellAtOnce } from './publish.ts';
import { rest } from './rest.ts';
import { endpointsBefore, followDelta } from './shortcut.ts';
import type { AgentState } from './state.ts';
import { markApplied, markUrgent } from './turn.ts';

/** A controller that is there says so every 3 s; three missed words and the connection counts as dead. */
const SILENCE_LIMIT_MS = 10_000;
const FIRST_RETRY_DELAY_MS = 200;
const LONGEST_RETRY_DELAY_MS = 5_000;

/** Takes the controller's word into the view. */
export function hear(state: AgentState, message: FollowMessage): AgentEffect[] {
  const { session } = state;
  session.connected = true;
  session.failures = 0;
  session.refusal = undefined;
  session.lastHeardMs = state.nowMs;
  session.headRevision = message.revision;
  if (message.message === 'beat') return hearBeat(state, message.revision);
  return message.message === 'snapshot' ? hearSnapshot(state, message) : hearDelta(state, message);
}

function hearSnapshot(
  state: AgentState,
  { records, revision, lives }: Extract<FollowMessage, { message: 'snapshot' }>,
): AgentEffect[] {
  const shared = Math.min(sharedUpTo(state.view.lives, lives), revision);
  if (shared < state.view.revision) goBack(state);
  state.view.clear();
  state.view.apply(records.map(put), revision);
  state.view.lives = lives;
  unpublishUnknown(state, shared);
  state.confirmed = true;
  state.orphansPossible = true;
  state.telling.clear();
  keepOwnWords(state);
  markUrgent(state);
  return [
    { effect: 'keep-view' },
    ...dropRevoked(state, state.view.blocks.values()),
    ...dropHidden(state),
    // At once: who asks for an endpoint must not be given one that an earlier process is about to give back.
    ...releaseOrphans(state),
    ...tellAtOnce(state),
  ];
}

/** The controller's store was restored from a backup: how far this host had come in what is no more says nothing. */
function goBack({ session, turn }: AgentState): void {
  [session.keptRevision, session.settledRevision] = [0, 0];
  [turn.revision, turn.applied] = [0, 0];
}

/**
 * What the controller was told after the last revision that the backup shares with what this host knows, and has not, is
 * told again. Only what it can take, from blocks that it knows as this host's: with all else a store that is put right
 * once more is waited for.
 */
function unpublishUnknown(state: AgentState, shared: Revision): void {
  const { attachments, view } = state;
  for (const [id, attachment] of attachments) {
    const { state: is, published, since, endpoint } = attachment;
    if (is !== 'attached' || !published || since <= shared) continue;
    if ((view.endpoints.get(id)?.generation ?? 0) < endpoint.generation && isOfOwnBlocks(state, endpoint))
      attachments.set(id, { ...attachment, published: false });
  }
}

function isOfOwnBlocks({ view, host: id }: AgentState, endpoint: Endpoint): boolean {
  const host = view.hosts.get(id);
  return (
    host !== undefined && endpoint.addresses.every((ip) => ownBlockWith(ip, endpoint.network, host, view))
  );
}

function hearDelta(
  state: AgentState,
  { changes, forgottenNetworks, revision }: Extract<FollowMessage, { message: 'delta' }>,
): AgentEffect[] {
  const { view } = state;
  // A grant that was given up can be late; what is being granted is told from it by releaseOrphans.
  state.orphansPossible ||= changes.some((change) => isUnknownOwn(state, change));
  for (const change of changes) restRemoved(state, change);
  const before = endpointsBefore(state, changes);
  const forgotten = aboutNetworks(state, forgottenNetworks);
  view.apply(forgottenNetworks.flatMap((id) => recordsIn(state, id)).map(remove), revision);
  view.apply(changes, revision);
  keepOwnWords(state, forgottenNetworks.length > 0 ? undefined : subjectsOf(changes, before));
  if (forgottenNetworks.length > 0) markUrgent(state, forgotten);
  const blocks = changes.flatMap((change) =>
    change.verb === 'put' && change.record.kind === 'block' ? change.record : [],
  );
  const dropped = [...dropRevoked(state, blocks), ...dropHidden(state)];
  return [{ effect: 'keep-view' }, ...dropped, ...followDelta(state, changes, before)];
}

/** The session is in order: all that concerns this host up to the beat's revision has been heard. */
function hearBeat(state: AgentState, revision: Revision): AgentEffect[] {
  if (!state.confirmed || revision <= state.view.revision) return [];
  state.view.apply([], revision);
  return markApplied(state, revision);
}

const isUnknownOwn = ({ host, attachments }: AgentState, change: Change): boolean =>
  change.verb === 'put' &&
  change.record.kind === 'endpoint' &&
  change.record.host === host &&
  !attachments.has(change.record.id);

/** What another host's endpoint had may be in a block of this host: it rests here before it is given. */
function restRemoved(state: AgentState, change: Change): void {
  const ref = change.verb === 'delete' && change.ref.kind === 'endpoint' ? change.ref : undefined;
  const endpoint = ref && state.view.endpoints.get(ref.id);
  if (endpoint) rest(state, endpoint);
}

const recordsIn = ({ view }: AgentState, network: Id) => {
  const { blocks, endpoints, adoptions, peers, exposures, publications } = view.inNetwork(network);
  return [
    { kind: 'network' as const, id: network },
    ...[blocks, endpoints, adoptions, peers, exposures, publications].flatMap((each) => [...each.values()]),
  ];
};

/** Comes back after a growing pause. The data plane and the view stay as they are. */
export function loseSession(
  { session, nowMs }: AgentState,
  reason: string,
  refusal?: Rejection,
): AgentEffect[] {
  session.connected = false;
  session.reason = reason;
  session.refusal = refusal;
  session.failures++;
  const afterMs = Math.min(FIRST_RETRY_DELAY_MS * 2 ** (session.failures - 1), LONGEST_RETRY_DELAY_MS);
  session.lastHeardMs = nowMs + afterMs;
  return [{ effect: 'connect', afterMs }];
}

/** Silence counts from the last word, and while there was none from the attempt to connect. */
export function watchSession({ session, nowMs }: AgentState): AgentEffect[] {
  session.lastHeardMs ??= nowMs;
  if (nowMs - session.lastHeardMs < SILENCE_LIMIT_MS) return [];
  session.lastHeardMs = nowMs;
  return [{ effect: 'disconnect', reason: 'the controller is silent' }];
}
