import { admitLocally, exhaustedSubnets, type LocalGrant } from '#intent/admit-locally.ts';
import type { Chance } from '#intent/admitted.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { type Endpoint, put, remove } from '#model/records.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import { acquireAhead } from './acquire-ahead.ts';
import { answerAttach } from './answer.ts';
import { journaling, networkId } from './attaching.ts';
import type { Attachment, JournalEntry } from './attachment.ts';
import { aboutNetworks } from './concern.ts';
import { askAgainToDetach, release } from './detach.ts';
import { giveBackHeld, grantAgain, grantThroughDoor } from './door-attach.ts';
import type { AgentEffect, AttachAsk, AttachGrant } from './event.ts';
import { hasTried, isGranting, isSettled, isViewWhole, untold } from './granting.ts';
import { heldEndpoint, heldIn, isBarred, isSetAside } from './held.ts';
import { useHolds } from './hold.ts';
import { keepJournal, noteUnwritten, noteWritten } from './keep-journal.ts';
import { addToView, alreadyHere, isTakenAway, learnedSince, ownWords } from './own-word.ts';
import { letBurstPass, letGoFirst, letRuntimeFirst, NEXT_CALL_MS } from './pace.ts';
import { publish, tellAtOnce } from './publish.ts';
import { takeBack } from './settle-attach.ts';
import { answerPlugged, plug } from './shortcut.ts';
import type { AgentState, Attaching } from './state.ts';
import { markUrgent } from './turn.ts';

/** Every attach waits its turn (see {@link grantWaiting}). */
export function beginAttach(state: AgentState, request: number, ask: AttachAsk): AgentEffect[] {
  state.wishesNothing = false;
  letGoFirst(state);
  letBurstPass(state);
  state.attaching.set(request, { ask, sinceMs: state.nowMs, phase: 'waiting', revision: 0, notices: [] });
  return ask.door ? letRuntimeFirst(state, NEXT_CALL_MS) : [];
}

/**
 * Grants what waits, in order. From its own blocks the host gives without asking anybody; for all else the
 * controller is asked, which may give from the host's blocks too. So only one of the two gives at a time.
 */
export function grantWaiting(state: AgentState, chance: Chance): AgentEffect[] {
  const effects: AgentEffect[] = [];
  for (const [request, attaching] of state.attaching) {
    if (attaching.phase !== 'waiting') continue;
    if (isGranting(state)) break;
    const wish = wishOf(state, attaching.ask);
    const { revision } = state.view;
    if (attaching.ask.door) effects.push(...giveBackHeld(state, wish));
    const grant = refuseHeld(state, attaching.ask) ?? grantHere(state, attaching, wish, chance);
    if (isRejection(grant)) effects.push(...answerAttach(state, request, grant));
    else if (grant && isInTheWay(state, grant.endpoint.id)) continue;
    else if (grant) {
      effects.push(...promise(state, request, { ...grant, revision }, false));
      effects.push(...acquireAhead(state, grant.endpoint.network));
    } else if (!hasTried(state)) break;
    // Asked all the same, the controller would give to whose name this host has.
    else if (state.session.refusal)
      effects.push(...answerAttach(state, request, untold(state, wish.network)));
    else if (isSettled(state)) {
      state.attaching.set(request, { ...attaching, phase: 'granting' });
      const newBlockIn = exhaustedSubnets(wish, state.host, state.view, isBarred(state));
      const held = heldIn(state, networkId(state, wish)).filter((ip) => !wish.addresses.includes(ip));
      effects.push({ effect: 'ask-attach', request, wish: { ...wish, newBlockIn, held } });
    } else if (!state.session.connected) {
      effects.push(...answerAttach(state, request, untold(state, wish.network)));
    } else {
      state.attaching.set(request, { ...attaching, refusedAt: revision });
      // The controller must have heard of all that was given here first.
      effects.push(...tellAtOnce(state));
      break;
    }
  }
  return effects;
}

const wishOf = (state: AgentState, { words, door, exposure }: AttachAsk): AttachEndpoint => ({
  wish: 'attach-endpoint',
  ...words,
  // Not by its name, which may be another's whom the controller, or a view of an earlier installation, knows by it.
  host: state.host,
  runtime: exposure ? 'host' : (door?.runtime ?? 'netns'),
});

/** What is set aside is for who comes through a door. */
function refuseHeld(state: AgentState, { words, door }: AttachAsk): Rejection | undefined {
  const network = networkId(state, words);
  const ip = words.addresses.find((each) => isSetAside(state, network, each));
  const problem = 'is set aside for a container that is being made';
  return ip === undefined || door
    ? undefined
    : reject('conflict', fault('ip', ip, problem, 'choose another one, or leave it out'));
}

/** Without asking anybody. */
function grantHere(
  state: AgentState,
  { ask: { door }, refusedAt }: Attaching,
  wish: AttachEndpoint,
  chance: Chance,
): LocalGrant | Rejection | undefined {
  const known = door && grantThroughDoor(state, door, wish);
  if (known || refusedAt === state.view.revision || !isViewWhole(state)) return known;
  const grant = admitLocally(wish, state.view, chance, isBarred(state));
  const isGiven = grant && (isBeingWritten(state, grant.endpoint.id) || mayGive(state, grant.endpoint));
  return isGiven ? grant : door && grantAgain(state, wish);
}

/** Its port of before is still to go, or it is being written. */
const isInTheWay = (state: AgentState, id: Id): boolean =>
  state.unplugging.has(id) || isBeingWritten(state, id);

/** The journal says when it has written of an endpoint, not what: one write at a time can be waited for. */
const isBeingWritten = (state: AgentState, id: Id): boolean =>
  state.unwritten.get(id) === 'writing' || journaling(state, id).length > 0;

/** Not from blocks that go back, nor what the view has and the journal does not: that is nobody's, or was taken back. */
const mayGive = (state: AgentState, { id, network }: Endpoint): boolean =>
  !state.handingBack.has(network) &&
  (!state.view.endpoints.has(id) || ownWords(state).some(({ endpoint }) => endpoint.id === id));

export function endAttachGrant(
  state: AgentState,
  request: number,
  grant: AttachGrant | Rejection,
): AgentEffect[] {
  const attaching = state.attaching.get(request);
  if (isRejection(grant)) {
    // Out of reach: it may have been granted all the same.
    if (grant.reason === 'unavailable') state.orphansPossible = true;
    return attaching ? answerAttach(state, request, grant) : [];
  }
  if (attaching && isVoid(state, grant, attaching)) return answerAttach(state, request, takenAway(grant));
  const other = attaching && alreadyHere(state, grant.endpoint);
  if (other)
    return [...answerAttach(state, request, isHere(grant, other)), ...release(state, grant.endpoint)];
  if (attaching) return promise(state, request, grant, true);
  state.orphansPossible = true;
  return [];
}

/** This host was evicted, perhaps; what is on its way out here is missing for another reason. */
const isVoid = (
  state: AgentState,
  { endpoint: { id }, revision }: AttachGrant,
  { gone }: Attaching,
): boolean => isTakenAway(state, id, revision) && !state.releasing.has(id) && !gone?.includes(id);

const takenAway = ({ endpoint: { name } }: AttachGrant): Rejection =>
  reject('unavailable', fault('endpoint', name, 'was taken away again by the controller', 'attach it again'));

const isHere = ({ endpoint: { name } }: AttachGrant, other: Endpoint): Rejection => {
  const problem = `was given what ${other.name} has, of which the controller does not know yet`;
  return reject('unavailable', fault('endpoint', name, problem, 'attach it again in a moment'));
};

/** The promise goes into the journal before the kernel is touched: a killed agent finds what it began. */
function promise(state: AgentState, request: number, grant: AttachGrant, published: boolean): AgentEffect[] {
  const attaching = state.attaching.get(request)!;
  const attachment = attachmentOf(state, grant, attaching, published);
  const { endpoint } = attachment;
  const { revision, notices } = grant;
  state.attaching.set(request, {
    ...attaching,
    phase: 'journaling',
    attachment,
    endpoint,
    stood: isStanding(state, attachment),
    before: published
      ? grant.endpoint
      : (state.view.endpoints.get(endpoint.id) ?? heldEndpoint(state, endpoint.id)),
    revision,
    notices,
  });
  // Even what the controller granted, before its delta comes: nothing of it is given twice.
  addToView(state, endpoint);
  const write = { effect: 'journal-put', key: endpoint.id, entry: attachment, tellWritten: true } as const;
  return [...useHolds(state, endpoint), write];
}

/** Asked for again, with nothing changed. */
const isStanding = ({ attachments }: AgentState, { endpoint: { id, generation } }: Attachment): boolean => {
  const old = attachments.get(id);
  return old?.state === 'attached' && old.endpoint.generation === generation;
};

/**
 * The same endpoint in another place, or while it is being deleted, is made anew: its generation rises, and an old delete
 * cannot touch it.
 */
function attachmentOf(
  state: AgentState,
  { endpoint, revision: since }: AttachGrant,
  { ask: { namespace, door }, gone }: Attaching,
  published: boolean,
): Attachment {
  const { bootId } = state;
  const old = state.attachments.get(endpoint.id);
  const attachment = {
    entry: 'attachment',
    endpoint,
    namespace,
    handle: door?.handle,
    bootId,
    state: 'attached',
    published,
    since,
  } as const;
  const { generation } = endpoint;
  const anew = { ...attachment, endpoint: { ...endpoint, generation: generation + 1 }, published: false };
  if (gone?.includes(endpoint.id)) return anew;
  if (!old) return attachment;
  const isThere = door ? old.handle === door.handle : old.namespace?.cookie === namespace.cookie;
  if (!isThere || old.bootId !== bootId) return anew;
  return {
    ...attachment,
    published: old.published,
    // What the controller granted may be newer than the view.
    since: Math.max(since, old.since),
    ...(door && { namespace: old.namespace, sandboxPath: old.sandboxPath }),
  };
}

/**
 * A process that begins anew would find the promise: the kernel is brought to it while the disk flushes. Answered and
 * told it is after that. What was there before waits for the disk, which may leave it as it was; and so does the host's
 * own, for which nobody waits.
 */
export function plugWhileFlushing(state: AgentState, id: Id): AgentEffect[] {
  const { attachments, unwritten } = state;
  if (attachments.has(id) || unwritten.has(id)) return [];
  return journaling(state, id).flatMap(([request, attaching]) => {
    if (attaching.ask.exposure) return [];
    attachments.set(id, attaching.attachment!);
    unwritten.set(id, 'writing');
    state.attaching.set(request, { ...attaching, phase: 'settling', isFlushing: true });
    return plugOrLook(state, request);
  });
}

function plugOrLook(state: AgentState, request: number): AgentEffect[] {
  const plugged = plug(state, request);
  if (plugged.length > 0) return plugged;
  const endpoint = state.attaching.get(request)?.endpoint;
  return markUrgent(state, aboutNetworks(state, endpoint ? [endpoint.network] : []));
}

/** The promise is durable: now the controller may be told, and the kernel brought to it if it is not yet. */
export function noteJournaled(state: AgentState, key: string, entry?: JournalEntry): AgentEffect[] {
  noteWritten(state, key, entry);
  const effects = state.attachments.get(key as Id)?.state === 'detaching' ? askAgainToDetach(state) : [];
  for (const [request, attaching] of flushing(state, key)) {
    if (attaching.attachment !== entry) continue;
    state.attaching.set(request, { ...attaching, isFlushing: false });
    if (attaching.isPlugged) effects.push(...answerPlugged(state, request));
  }
  for (const [request, attaching] of journaling(state, key)) {
    if (!attaching.isOvertaken && !keepPromise(state, attaching)) {
      effects.push(...keepJournal(state, key as Id));
      continue;
    }
    state.attaching.set(request, { ...attaching, phase: 'settling' });
    if (attaching.isOvertaken) continue;
    effects.push(...plugOrLook(state, request));
  }
  return [...effects, ...publish(state, key as Id)];
}

/**
 * What was written is promised, except what was learned since then of an endpoint that was asked for once more. False
 * when something else has been written after it, which is what a process that begins anew would find.
 */
function keepPromise(state: AgentState, attaching: Attaching): boolean {
  const { attachments, unwritten } = state;
  const { attachment } = attaching;
  const { id } = attachment!.endpoint;
  const learned = learnedSince(state, attaching);
  // Last in order: of several at one path it is the newest.
  attachments.delete(id);
  attachments.set(id, learned ?? attachment!);
  return learned !== undefined || !unwritten.has(id);
}

/** A full disk: nothing was promised, so the grant goes back, unless the controller has said more of it since. */
export function failJournal(state: AgentState, key: string, rejection: Rejection): AgentEffect[] {
  const { view } = state;
  noteUnwritten(state, key, rejection);
  const begun = flushing(state, key).flatMap(([request, attaching]) =>
    takeBack(state, request, attaching, rejection),
  );
  const refused = journaling(state, key).flatMap(([request, { endpoint, before }]) => {
    if (view.endpoints.get(endpoint!.id)?.generation === endpoint!.generation)
      view.apply([before ? put(before) : remove(endpoint!)], view.revision);
    state.orphansPossible = true;
    return answerAttach(state, request, rejection);
  });
  return [...begun, ...refused];
}

const flushing = (state: AgentState, key: string): [number, Attaching][] =>
  [...state.attaching].filter(([, { isFlushing, endpoint }]) => isFlushing && endpoint?.id === key);
