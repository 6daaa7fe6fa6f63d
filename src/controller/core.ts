import { admit } from '#intent/admit.ts';
import type { Admitted, Chance } from '#intent/admitted.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { Change, Revision } from '#model/records.ts';
import type { Feed } from '#store/store.ts';
import { askOthers, askOwners, barUnheard, giveUpAsking, noteSettled, refuseUnheard } from './ask-others.ts';
import { authorize, authorizeHost } from './authorize.ts';
import { driveChanges, isOvertaken, refuseLeavingBehind } from './drive-changes.ts';
import type { ControllerEffect, ControllerEvent, Granted, Petition } from './event.ts';
import { beginFollow, continueFollow, type Session, touchedBy } from './follow.ts';
import { freeBlocks } from './free-blocks.ts';
import type { ControllerState } from './state.ts';

/**
 * What the controller decides, without a clock, a socket or chance of its own: an event goes in, effects come out.
 * One commit is under way at a time; wishes that come meanwhile wait, so that each is admitted against everything
 * committed before it.
 */
export function step(state: ControllerState, event: ControllerEvent, chance: Chance): ControllerEffect[] {
  switch (event.event) {
    case 'wished':
      state.waiting.push(event.petition);
      return admitNext(state, chance);
    case 'commit-ended':
      return endCommit(state, event.outcome, chance);
    case 'commit-failed':
      return [...answerUnderWay(state, event.rejection), ...admitNext(state, chance)];
    case 'fed':
      return [...takeFeed(state, event.feed), ...admitNext(state, chance)];
    case 'follow-began':
      return beginSession(state, event, chance.now);
    case 'follow-ended':
      state.sessions.delete(event.session);
      return [];
    case 'status-reported':
      noteSettled(state, event.status);
      state.statuses.set(event.status.host, event.status);
      state.heardMs.set(event.status.host, chance.now);
      state.waiting.push(...driveChanges(state, chance.now));
      return [{ effect: 'keep-status', status: event.status }, ...admitNext(state, chance)];
    case 'tick':
      state.waiting.push(...freeBlocks(state), ...driveChanges(state, chance.now));
      return [...giveUpAsking(state, chance.now), ...beat(state), ...admitNext(state, chance)];
  }
}

const beat = ({ sessions, snapshot }: ControllerState): ControllerEffect[] =>
  [...sessions.keys()].map((session) => ({
    effect: 'send',
    session,
    message: { message: 'beat', revision: snapshot.revision },
  }));

/** Takes wishes in order until one needs a commit. */
function admitNext(state: ControllerState, chance: Chance): ControllerEffect[] {
  const effects: ControllerEffect[] = [];
  const { snapshot } = state;
  while (!state.underWay) {
    const petition = state.waiting.shift();
    if (!petition) break;
    const { request } = petition;
    if (isOvertaken(state, petition.wish, chance.now)) continue;
    const answer = decide(state, petition, chance);
    if (askOwners(state, petition, answer, chance.now)) continue;
    if (isRejection(answer) || answer.changes.length === 0) {
      const revision = snapshot.revision;
      effects.push({
        effect: 'answer',
        request,
        answer: isRejection(answer) ? answer : { ...answer, revision },
      });
    } else {
      state.underWay = { petition, granted: { ...answer, revision: snapshot.revision + 1 } };
      effects.push({ effect: 'commit', changes: answer.changes, expected: snapshot.revision });
    }
  }
  return effects;
}

/** Who may wish it, whether it can be, and what of it needs hosts that are not there. */
function decide(state: ControllerState, { principal, wish }: Petition, chance: Chance): Admitted | Rejection {
  const { snapshot, pools } = state;
  const refusal = authorize(principal, wish, snapshot);
  if (refusal) return refusal;
  const answer = admit(wish, snapshot, chance, { pools, isBarred: barUnheard(state) });
  return refuseLeavingBehind(state, wish, refuseUnheard(state, answer));
}

function endCommit(
  state: ControllerState,
  outcome: Extract<ControllerEvent, { event: 'commit-ended' }>['outcome'],
  chance: Chance,
): ControllerEffect[] {
  if (!state.underWay) throw new Error('a commit ended that was not under way');
  const { petition, granted } = state.underWay;
  if (outcome.outcome === 'conflict') {
    // Another controller was first. What it wrote comes by the feed; if it is here already, admit anew at once.
    state.underWay = undefined;
    state.waiting.unshift(petition);
    return state.snapshot.revision >= outcome.head ? admitNext(state, chance) : [];
  }
  // The feed may have been faster than the acknowledgement.
  const news = outcome.revision > state.snapshot.revision;
  return [
    ...(news ? applyCommit(state, granted.changes, outcome.revision) : []),
    ...(granted.askFirst
      ? askOthers(state, granted.askFirst, outcome.revision, chance.now)
      : answerUnderWay(state, { ...granted, revision: outcome.revision })),
    ...admitNext(state, chance),
  ];
}

function answerUnderWay(
  state: ControllerState,
  answer: Granted | ReturnType<typeof reject>,
): ControllerEffect[] {
  const request = state.underWay?.petition.request;
  state.underWay = undefined;
  return request === undefined ? [] : [{ effect: 'answer', request, answer }];
}

/** Our own commits come by the feed too, mostly later: what is not newer than the snapshot is old news. */
function takeFeed(state: ControllerState, feed: Feed): ControllerEffect[] {
  if (feed.feed === 'batch') {
    const { revision, changes } = feed.batch;
    return revision > state.snapshot.revision ? applyCommit(state, changes, revision) : [];
  }
  state.snapshot.clear();
  state.snapshot.apply(
    feed.records.map((record) => ({ verb: 'put', record })),
    feed.revision,
  );
  return [...state.sessions].map(([session, { host }]) => {
    const begun = beginFollow(state.snapshot, host);
    state.sessions.set(session, begun.session);
    return { effect: 'send', session, message: begun.first };
  });
}

/** Makes a commit part of the snapshot and tells the sessions that it concerns. */
function applyCommit(
  state: ControllerState,
  changes: readonly Change[],
  revision: Revision,
): ControllerEffect[] {
  const touched = touchedBy(changes, state.snapshot);
  state.snapshot.apply(changes, revision);
  for (const change of changes)
    if (change.verb === 'delete' && change.ref.kind === 'host') {
      state.statuses.delete(change.ref.id);
      state.heardMs.delete(change.ref.id);
    }
  return askerLast(state).flatMap(([session, follower]) => {
    const message = continueFollow(follower, touched, state.snapshot);
    return message ? [{ effect: 'send' as const, session, message }] : [];
  });
}

/** Whose wish it was has done already what the others are still to do. */
function askerLast({ sessions, snapshot, underWay }: ControllerState): [number, Session][] {
  const { role, name } = underWay?.petition.principal ?? {};
  const asker = role === 'host' ? snapshot.hostNamed(name!)?.id : undefined;
  const isAsker = ([, { host }]: [number, Session]) => host === asker;
  const all = [...sessions];
  return [...all.filter((each) => !isAsker(each)), ...all.filter(isAsker)];
}

function beginSession(
  state: ControllerState,
  { session, principal, host }: Extract<ControllerEvent, { event: 'follow-began' }>,
  nowMs: number,
): ControllerEffect[] {
  const record = state.snapshot.hostNamed(host);
  const rejection =
    authorizeHost(principal, host) ??
    (record ? undefined : reject('absent', fault('host', host, 'is not registered', 'register it first')));
  if (rejection || !record) return [{ effect: 'end-session', session, rejection: rejection! }];
  const begun = beginFollow(state.snapshot, record.id);
  state.sessions.set(session, begun.session);
  state.heardMs.set(record.id, nowMs);
  return [{ effect: 'send', session, message: begun.first }];
}
